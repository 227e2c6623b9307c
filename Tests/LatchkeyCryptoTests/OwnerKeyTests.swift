import LatchkeyCrypto
import Testing

/// Sealing and opening records.
struct OwnerKeyTests {
    private let root: SoftwareRootKey
    private let owner: OwnerKey
    private let context: RecordContext
    private let payload = [UInt8](repeating: 0x41, count: 256)

    init() async throws {
        root = try SoftwareRootKey(kid: 2, key: Secret.random(count: 32))
        owner = try await OwnerKey(root: root, owner: .user([UInt8]("alice".utf8)))
        context = RecordContext(
            table: "user_api_keys", owner: owner.owner, identity: ["openai", "default"], field: "credential")
    }

    private func seal() throws -> SealedRecord {
        try owner.seal(Secret(copying: payload), as: context, rowVersion: 4, time: 1_700_000_000)
    }

    private func isRefused(_ record: SealedRecord, as context: RecordContext, by key: OwnerKey? = nil) -> Bool {
        do throws(CryptoError) {
            _ = try (key ?? owner).open(record, as: context)
            return false
        } catch {
            // One code and one sentence, whatever the cause.
            return error == CryptoError(.integrity, "the record does not open")
        }
    }

    @Test func `what was sealed opens, whatever its length`() throws {
        var random = SeededGenerator(seed: 31)
        for length in [0, 1, 15, 16, 17, 255, 256, 257, 8192] {
            let payload = random.bytes(length)
            let record = try owner.seal(Secret(copying: payload), as: context, rowVersion: random.next(), time: 9)
            #expect(try owner.open(record, as: context).bytes == payload)
        }
    }

    @Test func `sealing twice uses another salt, another IV and another key`() throws {
        let records = try (0..<100).map { _ in try seal() }
        #expect(Set(records.map(\.salt)).count == 100)
        #expect(Set(records.map(\.token)).count == 100)
        #expect(records.allSatisfy { $0.kid == 2 && $0.suite == 1 && $0.rowVersion == 4 && $0.salt.count == 32 })
    }

    @Test func `a record with any one byte of its token changed does not open`() throws {
        let record = try seal()
        for index in record.token.indices {
            for change: UInt8 in [0x01, 0x20, 0x80, 0xff] {
                var changed = record
                changed.token[index] ^= change
                #expect(isRefused(changed, as: context), "byte \(index)")
            }
        }
    }

    @Test func `a record with any one bit of its salt, version or kid changed does not open`() throws {
        let record = try seal()
        for bit in 0..<256 {
            var changed = record
            changed.salt[bit / 8] ^= 1 << (bit % 8)
            #expect(isRefused(changed, as: context))
        }
        for bit in 0..<64 {
            var changed = record
            changed.rowVersion ^= 1 << bit
            #expect(isRefused(changed, as: context))
        }
        for bit in 0..<32 {
            var changed = record
            changed.kid ^= 1 << bit
            #expect(isRefused(changed, as: context))
        }
    }

    @Test func `a salt that is cut, lengthened or gone does not open`() throws {
        let record = try seal()
        for salt in [[], [UInt8](record.salt.dropLast()), record.salt + [0]] {
            var changed = record
            changed.salt = salt
            #expect(isRefused(changed, as: context))
        }
    }

    @Test func `a row moved to another user does not open`() async throws {
        let record = try seal()
        let bob = try await OwnerKey(root: root, owner: .user([UInt8]("bob".utf8)))
        var other = context
        other.owner = bob.owner
        #expect(isRefused(record, as: other, by: bob))
        // Nor when key and context disagree, whichever of them is right.
        #expect(isRefused(record, as: context, by: bob))
        #expect(isRefused(record, as: other))
    }

    @Test func `a row moved to another place does not open`() throws {
        let record = try seal()
        var moved = [context, context, context, context, context]
        moved[0].table = "global_api_keys"
        moved[1].identity = ["anthropic", "default"]
        moved[2].identity = ["openai", "work"]
        moved[3].identity = ["openaidefault"]
        moved[4].field = "totp"
        for context in moved { #expect(isRefused(record, as: context)) }
    }

    @Test func `another root of the same number does not open it`() async throws {
        let other = try SoftwareRootKey(kid: 2, key: Secret.random(count: 32))
        #expect(isRefused(try seal(), as: context, by: try await OwnerKey(root: other, owner: owner.owner)))
    }

    @Test(arguments: [UInt8(0), 2, 9, 255])
    func `another suite is named, not guessed`(suite: UInt8) throws {
        var record = try seal()
        record.suite = suite
        let error = #expect(throws: CryptoError.self) { _ = try owner.open(record, as: context) }
        #expect(error == CryptoError(.unknownSuite, "record suite \(suite) is not known, newest is 1"))
    }

    /// Both write an empty owner into the record's context, so here the key alone cannot tell.
    @Test func `the global key does not serve a user without a name`() async throws {
        let global = try await OwnerKey(root: root, owner: .global)
        var context = context
        context.owner = .global
        let record = try global.seal(Secret(copying: payload), as: context, rowVersion: 1, time: 1)
        context.owner = .user([])
        #expect(isRefused(record, as: context, by: global))
        #expect(throws: CryptoError.self) {
            _ = try global.seal(Secret(copying: payload), as: context, rowVersion: 1, time: 1)
        }
    }

    @Test func `sealing under another owner's context is refused`() throws {
        var other = context
        other.owner = .global
        #expect(throws: CryptoError.self) {
            _ = try owner.seal(Secret(copying: payload), as: other, rowVersion: 1, time: 1)
        }
    }

    @Test(arguments: [0, 31, 33])
    func `sealing with a salt of another length is refused`(count: Int) throws {
        #expect(throws: CryptoError.self) {
            _ = try owner.seal(
                Secret(copying: payload), as: context, rowVersion: 1, time: 1,
                salt: [UInt8](repeating: 1, count: count),
                iv: [UInt8](repeating: 1, count: 16))
        }
    }

    @Test func `equal keys of two users do not match, equal keys of one do`() async throws {
        let bob = try await OwnerKey(root: root, owner: .user([UInt8]("bob".utf8)))
        let hash = owner.keyHash(provider: "openai", secret: Secret("sk-1"))
        #expect(hash == owner.keyHash(provider: "openai", secret: Secret("sk-1")))
        #expect(hash != bob.keyHash(provider: "openai", secret: Secret("sk-1")))
        #expect(hash != owner.keyHash(provider: "openai", secret: Secret("sk-2")))
        #expect(hash != owner.keyHash(provider: "gemini", secret: Secret("sk-1")))
        // The border between provider and secret is part of what is hashed.
        #expect(hash != owner.keyHash(provider: "openais", secret: Secret("k-1")))
        #expect(hash.wholeMatch(of: /[0-9a-f]{64}/) != nil)
    }
}
