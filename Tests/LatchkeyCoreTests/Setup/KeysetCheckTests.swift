import LatchkeyCore
import LatchkeyCrypto
import LatchkeyTesting
import Testing

/// The configured roots against the database's keyset, before anything is written.
struct KeysetCheckTests {
    private let store = ModelStore()
    private let root: SoftwareRootKey
    private let other: SoftwareRootKey
    private let clock = TestClock()

    init() throws {
        root = try VaultFixture.newRoot(1)
        other = try VaultFixture.newRoot(2)
    }

    @Test func `a fresh database gets the primary root, once`() async throws {
        #expect(try await check([root, other]) == .agrees)
        let keyset = try await store.keyset()
        #expect(keyset == [try await entry(root)])
        #expect(keyset.first?.createdAt == "2026-01-01T00:00:00Z")
        clock.advance(seconds: 100)
        #expect(try await check([root]) == .agrees)
        #expect(try await store.keyset() == keyset)
    }

    @Test func `another root of the same number is named with both check values`() async throws {
        #expect(try await check([root]) == .agrees)
        let before = try await store.keyset()
        let wrong = try VaultFixture.newRoot(1)
        let faulty = FaultyStore(store)
        let error = await failure { try await check([wrong], in: faulty) }
        #expect(error?.code == .rootMismatch)
        #expect(error?.code.exitCode == 2)
        #expect(error?.reason.contains(hex(try await root.checkValue())) == true)
        #expect(error?.reason.contains(hex(try await wrong.checkValue())) == true)
        #expect(error?.hint?.contains("nothing was written") == true)
        #expect(faulty.calls == [.keyset])
        #expect(try await store.keyset() == before)
    }

    @Test func `a wrong second root is found too`() async throws {
        store.replaceKeyset([try await entry(root), try await entry(other, .decrypt)])
        #expect(try await check([root, other]) == .agrees)
        #expect(await code { try await check([root, try VaultFixture.newRoot(2)]) } == .rootMismatch)
    }

    @Test func `a missing primary root is named`() async throws {
        #expect(try await check([root]) == .agrees)
        let faulty = FaultyStore(store)
        let error = await failure { try await check([other], in: faulty) }
        #expect(error?.code == .rootMismatch)
        #expect(error?.reason == "this database was sealed under root 1, and only root 2 is configured")
        #expect(faulty.calls == [.keyset])
    }

    @Test func `a primary root that is not first reads and does not write`() async throws {
        #expect(try await check([root]) == .agrees)
        let standing = try await check([other, root])
        #expect(standing == .readOnly(primary: 1))
        let writing = try VaultFixture(store: store, roots: [root])
        try await writing.set(of: .user(alice))
        let fixture = try VaultFixture(
            store: store, roots: [other, root], policy: KeyPolicy(isWritable: standing == .agrees, random: { 0.5 }))
        let before = try await fixture.events()
        let asked = fixture.transport.requests.count
        #expect(await code { try await fixture.set(of: .user(alice)) } == .keysetDisagreement)
        #expect(await code { try await fixture.set(validate: false, of: .global) } == .keysetDisagreement)
        #expect(try await fixture.events() == before)
        #expect(fixture.transport.requests.count == asked)
        #expect(try await fixture.open(try Sample.reference(.user(alice), "acme")).secret == VaultFixture.key)
    }

    @Test func `a forged entry is told from a wrong root`() async throws {
        let good = try await entry(root)
        var forged = [good, good, good, good]
        forged[0].mac[0] ^= 1
        forged[1].createdAt = "2020-01-01T00:00:00Z"
        forged[2].mac = []
        forged[3].mac.append(0)
        for entry in forged {
            store.replaceKeyset([entry])
            let error = await failure { try await check([root]) }
            #expect(error?.code == .rootMismatch)
            #expect(error?.reason.contains("was changed by somebody without the root") == true)
            #expect(try await store.keyset() == [entry])
        }
    }

    /// Somebody who can write the database and has no root makes the second root primary.
    @Test func `changed states are forged entries`() async throws {
        var demoted = try await entry(root)
        demoted.state = .decrypt
        var promoted = try await entry(other, .decrypt)
        promoted.state = .primary
        store.replaceKeyset([demoted, promoted])
        #expect(await code { try await check([root, other]) } == .rootMismatch)
        #expect(await code { try await check([other, root]) } == .rootMismatch)
        demoted.state = .retired
        store.replaceKeyset([demoted, promoted])
        #expect(await code { try await check([other, root]) } == .rootMismatch)
    }

    @Test func `the keyset names exactly one primary`() async throws {
        for entries in [
            [try await entry(root, .decrypt)], [try await entry(root, .retired)],
            [try await entry(root), try await entry(other)],
        ] {
            store.replaceKeyset(entries)
            let error = await failure { try await check([root, other]) }
            #expect(error?.code == .rootMismatch)
            #expect(error?.reason == "the keyset does not name exactly one primary root")
        }
    }

    @Test(arguments: [KeyTable.user, .global])
    func `an emptied keyset beside rows is refused, and stays empty`(table: KeyTable) async throws {
        #expect(try await check([root]) == .agrees)
        let fixture = try VaultFixture(store: store, roots: [root])
        try await fixture.set(of: table == .user ? .user(alice) : .global)
        store.replaceKeyset([])
        for roots in [[root], [other], [root, other]] {
            let error = await failure { try await check(roots) }
            #expect(error?.code == .rootMismatch)
            #expect(error?.reason == "the database holds keys but no keyset")
        }
        #expect(try await store.keyset().isEmpty)
    }

    /// Between reading the empty keyset and writing it, another node came first.
    @Test func `another node's first entry wins`() async throws {
        let theirs = try VaultFixture.newRoot(1)
        let entry = try await entry(theirs)
        let slow = SlowRoot(root: root) { [store] in store.replaceKeyset([entry]) }
        let error = await failure { try await check([slow]) }
        #expect(error?.code == .rootMismatch)
        #expect(try await store.keyset() == [entry])
    }

    @Test func `an unreachable database is that, not a mismatch`() async throws {
        for call: FaultyStore.Call in [.keyset, .keyCount, .initializeKeyset] {
            let faulty = FaultyStore(store)
            faulty.fail(call)
            #expect(await code { try await check([root], in: faulty) } == .storeUnavailable)
            #expect(try await store.keyset().isEmpty)
        }
    }

    private func check(_ roots: [any RootKey], in store: (any Store)? = nil) async throws -> KeysetCheck.Standing {
        try await KeysetCheck.run(store: store ?? self.store, keyring: try keyring(roots), clock: clock.clock)
    }

    private func keyring(_ roots: [any RootKey]) throws -> RootKeyring { try RootKeyring(roots: roots, now: { 0 }) }

    private func entry(_ root: any RootKey, _ state: KeysetEntry.State = .primary) async throws -> KeysetEntry {
        try await KeysetEntry.make(root: root, state: state, createdAt: "2026-01-01T00:00:00Z")
    }

    private func hex(_ bytes: [UInt8]) -> String {
        bytes.map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined()
    }
}

/// A root that takes so long that something else happens meanwhile.
private struct SlowRoot: RootKey {
    let root: SoftwareRootKey
    let meanwhile: @Sendable () -> Void
    var kid: UInt32 { root.kid }

    func derive(_ context: DerivationContext) async throws -> SharedSecret {
        meanwhile()
        return try await root.derive(context)
    }
}
