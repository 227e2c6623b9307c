import LatchkeyCrypto
import Synchronization
import Testing

/// A clock that a test moves.
final class TestClock: Sendable {
    private let time = Mutex<UInt64>(1000)
    var now: UInt64 { time.withLock { $0 } }
    func set(_ value: UInt64) { time.withLock { $0 = value } }
    func advance(_ seconds: UInt64) { time.withLock { $0 += seconds } }
}

/// A root that counts how often it is asked.
final class CountingRoot: RootKey {
    let kid: UInt32
    private let root: SoftwareRootKey
    private let count = Mutex(0)
    var derivations: Int { count.withLock { $0 } }

    init(kid: UInt32) throws {
        self.kid = kid
        root = try SoftwareRootKey(kid: kid, key: Secret.random(count: 32))
    }

    func derive(_ context: DerivationContext) async throws -> SharedSecret {
        count.withLock { $0 += 1 }
        return try await root.derive(context)
    }
}

struct RootKeyringTests {
    private let clock = TestClock()
    private let root: CountingRoot
    private let second: CountingRoot

    init() throws {
        root = try CountingRoot(kid: 3)
        second = try CountingRoot(kid: 8)
    }

    private func keyring(capacity: Int = 10_000, lifetime: UInt64 = 60) throws -> RootKeyring {
        try RootKeyring(roots: [root, second], cacheCapacity: capacity, cacheLifetime: lifetime) { [clock] in clock.now
        }
    }

    private func user(_ id: String) -> RecordOwner { .user([UInt8](id.utf8)) }

    @Test func `the first root is the primary, and an unknown one is an error`() async throws {
        let keyring = try keyring()
        #expect(keyring.primary == 3)
        #expect(keyring.kids == [3, 8])
        #expect(keyring.root(8)?.kid == 8)
        #expect(keyring.root(4) == nil)
        let error = await #expect(throws: CryptoError.self) { _ = try await keyring.ownerKey(.global, kid: 4) }
        #expect(error?.code == .rootUnknown)
        #expect(error?.reason == "root 4 is not configured, the configured roots are: 3, 8")
    }

    @Test func `no root, or one kid twice, is refused`() throws {
        let none = #expect(throws: CryptoError.self) { _ = try RootKeyring(roots: [], now: { 0 }) }
        #expect(none?.code == .rootMalformed)
        let other = try CountingRoot(kid: 3)
        let twice = #expect(throws: CryptoError.self) { _ = try RootKeyring(roots: [root, other], now: { 0 }) }
        #expect(twice?.code == .rootDuplicate)
    }

    @Test func `an owner key is derived once in its time`() async throws {
        let keyring = try keyring()
        let first = try await keyring.ownerKey(user("alice"), kid: 3)
        for _ in 0..<100 { #expect(try await keyring.ownerKey(user("alice"), kid: 3) === first) }
        #expect(root.derivations == 1)
    }

    @Test func `an owner key is used for less than 60 seconds`() async throws {
        let keyring = try keyring()
        let first = try await keyring.ownerKey(user("alice"), kid: 3)
        clock.advance(59)
        #expect(try await keyring.ownerKey(user("alice"), kid: 3) === first)
        clock.advance(1)
        #expect(try await keyring.ownerKey(user("alice"), kid: 3) !== first)
    }

    /// The bound holds for every time of birth and every rhythm of use, also when hits come all the time.
    @Test func `no key is ever older than its lifetime`() async throws {
        var random = SeededGenerator(seed: 21)
        let keyring = try keyring()
        var born: [ObjectIdentifier: (key: OwnerKey, time: UInt64)] = [:]
        for _ in 0..<3000 {
            clock.advance(UInt64.random(in: 0...20, using: &random))
            let key = try await keyring.ownerKey(user("\(Int.random(in: 0..<10, using: &random))"), kid: 3)
            // Each key is held on to, so that no identifier is used again.
            let first = born[ObjectIdentifier(key), default: (key, clock.now)]
            born[ObjectIdentifier(key)] = first
            #expect(clock.now - first.time < 60)
        }
        #expect(born.count < 2900, "nothing was cached")
    }

    @Test func `a clock that goes back empties the cache`() async throws {
        let keyring = try keyring()
        let first = try await keyring.ownerKey(user("alice"), kid: 3)
        clock.set(5)
        #expect(try await keyring.ownerKey(user("alice"), kid: 3) !== first)
    }

    @Test func `two spellings of one name are two owners`() async throws {
        let (composed, decomposed) = ("caf\u{e9}", "cafe\u{301}")
        // The trap: as strings they are equal.
        #expect(composed == decomposed)
        let keyring = try keyring()
        let first = try await keyring.ownerKey(user(composed), kid: 3)
        let other = try await keyring.ownerKey(user(decomposed), kid: 3)
        #expect(first !== other)
        #expect(first.derive("x", []).bytes != other.derive("x", []).bytes)
    }

    @Test func `the global owner is no user, and no root stands for another`() async throws {
        let keyring = try keyring()
        var keys: [[UInt8]] = []
        for owner in [RecordOwner.global, user(""), user("global"), user("\0")] {
            for kid in [UInt32(3), 8] { keys.append(try await keyring.ownerKey(owner, kid: kid).derive("x", []).bytes) }
        }
        #expect(Set(keys).count == keys.count)
    }

    @Test func `the cache holds no more than its capacity`() async throws {
        let keyring = try keyring(capacity: 100)
        weak let first = try await keyring.ownerKey(user("first"), kid: 3)
        #expect(first != nil)
        var watched: [WeakKey] = []
        for index in 0..<1000 { watched.append(WeakKey(try await keyring.ownerKey(user("\(index)"), kid: 3))) }
        #expect(first == nil)
        let alive = watched.count { $0.key != nil }
        #expect(alive <= 100)
        #expect(alive >= 50)
    }

    @Test func `forgetting lets every key go`() async throws {
        let keyring = try keyring()
        let watched = WeakKey(try await keyring.ownerKey(user("alice"), kid: 3))
        #expect(watched.key != nil)
        keyring.forget()
        #expect(watched.key == nil)
    }

    @Test func `many tasks get equal keys`() async throws {
        let keyring = try keyring(capacity: 10)
        let keys = try await withThrowingTaskGroup(of: (Int, [UInt8]).self) { group in
            for index in 0..<400 {
                group.addTask {
                    let owner = RecordOwner.user([UInt8("\(index % 20)".utf8.first ?? 0), UInt8(index % 20)])
                    return (index % 20, try await keyring.ownerKey(owner, kid: 3).derive("x", []).bytes)
                }
            }
            var keys: [Int: Set<[UInt8]>] = [:]
            for try await (index, key) in group { keys[index, default: []].insert(key) }
            return keys
        }
        #expect(keys.count == 20)
        #expect(keys.values.allSatisfy { $0.count == 1 })
    }
}

private final class WeakKey {
    private(set) weak var key: OwnerKey?

    init(_ key: OwnerKey) {
        self.key = key
    }
}
