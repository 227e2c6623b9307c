import LatchkeyCore
import LatchkeyCrypto
import LatchkeyTesting
import Testing

/// Two rows, and every way to mix them: only the two that were sealed open.
struct SealedRowSwapTests {
    private struct Parts {
        var reference: KeyReference
        var row: UserAPIKey
    }

    private let sealings: [KeySealing]

    init() throws {
        let roots = [try VaultFixture.newRoot(1), try VaultFixture.newRoot(2)]
        sealings = [
            KeySealing(keyring: try RootKeyring(roots: roots, now: { 0 })),
            KeySealing(keyring: try RootKeyring(roots: roots.reversed(), now: { 0 })),
        ]
    }

    private static let owners: [(String, KeyOwner, KeyOwner)] = [
        ("two users", .user(alice), .user(bob)),
        ("a user and everybody", .user(alice), .global),
        ("everybody and a user", .global, .user(bob)),
        ("two spellings", .user(user("caf\u{e9}")), .user(user("cafe\u{301}"))),
        ("a prefix", .user(user("a")), .user(user("aa"))),
    ]

    @Test(arguments: 0..<owners.count)
    func `no mix of two rows opens`(pair: Int) async throws {
        let (label, ownerA, ownerB) = Self.owners[pair]
        let a = try await seal(try Sample.reference(ownerA, "acme", "default"), version: 1, by: sealings[0])
        let b = try await seal(try Sample.reference(ownerB, "beta", "second"), version: 2, by: sealings[1])
        for mask in 0..<256 {
            func isB(_ bit: Int) -> Bool { mask >> bit & 1 == 1 }
            var mix = a
            if isB(0) { mix.reference.owner = b.reference.owner }
            if isB(1) { mix.reference.provider = b.reference.provider }
            if isB(2) { mix.reference.name = b.reference.name }
            if isB(3) { mix.row.sealed.rowVersion = b.row.sealed.rowVersion }
            if isB(4) { mix.row.sealed.salt = b.row.sealed.salt }
            if isB(5) { mix.row.sealed.kid = b.row.sealed.kid }
            if isB(6) { mix.row.sealed.token = b.row.sealed.token }
            // Only suite 1 is known, so the other row's suite stands for any other byte.
            if isB(7) { mix.row.sealed.suite = 2 }
            // Every column that repeats what is sealed agrees with the mix: sealing alone has to refuse it.
            mix.row.keyHash = try await keyHash(mix)
            let seen = await failure { _ = try await sealings[0].open(mix.row, as: mix.reference) }
            let isWhole = mask == 0 || mask == 0x7F
            #expect(seen == (isWhole ? nil : KeySealing.integrity), "\(label), mask \(mask)")
        }
    }

    /// The row's own words for whose it is count for nothing: the question does.
    @Test func `a row opens by what is asked, not by what it says of itself`() async throws {
        let a = try await seal(try Sample.reference(.user(alice), "acme"), version: 1, by: sealings[0])
        var moved = a.row
        moved.owner = .user(bob)
        moved.name = try KeyName("second")
        _ = try await sealings[0].open(moved, as: a.reference)
        let asBob = KeyReference(.user(bob), a.reference.provider, a.reference.name)
        #expect(await failure { _ = try await sealings[0].open(moved, as: asBob) } == KeySealing.integrity)
    }

    @Test func `every bit of the token, the salt and the version counts`() async throws {
        let a = try await seal(try Sample.reference(.user(alice), "acme"), version: 1, by: sealings[0])
        var forged: [UserAPIKey] = []
        for index in a.row.sealed.token.indices {
            forged.append(a.row)
            forged[forged.count - 1].sealed.token[index] ^= 1
        }
        for index in 0..<256 {
            forged.append(a.row)
            forged[forged.count - 1].sealed.salt[index / 8] ^= 1 << (index % 8)
        }
        for bit in 0..<64 {
            forged.append(a.row)
            forged[forged.count - 1].sealed.rowVersion ^= 1 << bit
        }
        for row in forged {
            #expect(await failure { _ = try await sealings[0].open(row, as: a.reference) } == KeySealing.integrity)
        }
    }

    @Test func `other lengths, roots and suites are one and the same error`() async throws {
        let a = try await seal(try Sample.reference(.user(alice), "acme"), version: 1, by: sealings[0])
        let changes: [(inout SealedRecord) -> Void] = [
            { $0.token = [] }, { $0.token.removeLast() }, { $0.token.append(0x41) }, { $0.token.append(0x0A) },
            { $0.salt = [] }, { $0.salt.removeLast() }, { $0.salt.append(0) }, { $0.kid = 0 }, { $0.kid = 3 },
            { $0.kid = .max }, { $0.suite = 0 }, { $0.suite = 2 }, { $0.suite = 255 }, { $0.rowVersion = 0 },
            { $0.rowVersion = .max },
        ]
        for (index, change) in changes.enumerated() {
            var row = a.row
            change(&row.sealed)
            let seen = await failure { _ = try await sealings[0].open(row, as: a.reference) }
            #expect(seen == KeySealing.integrity, "change \(index)")
        }
    }

    @Test func `a row sealed under the second root opens with that root configured, and not without`() async throws {
        let a = try await seal(try Sample.reference(.user(alice), "acme"), version: 1, by: sealings[1])
        #expect(a.row.sealed.kid == 2)
        _ = try await sealings[0].open(a.row, as: a.reference)
        let other = KeySealing(keyring: try RootKeyring(roots: [try VaultFixture.newRoot(2)], now: { 0 }))
        #expect(await failure { _ = try await other.open(a.row, as: a.reference) } == KeySealing.integrity)
    }

    // MARK: Rows

    private func seal(_ reference: KeyReference, version: UInt64, by sealing: KeySealing) async throws -> Parts {
        let sealer = try await sealing.sealer(
            for: reference,
            credential: Credential(
                baseURL: "https://api.example/v1", expiresAt: nil, fields: [:], kind: .apiKey,
                secret: Secret(copying: Array(VaultFixture.key.utf8))))
        var row = Sample.key(reference, version: version)
        row.sealed = try sealer.seal(rowVersion: version, at: Sample.time)
        row.keyHash = sealer.keyHash
        row.keyHint = sealer.keyHint
        return Parts(reference: reference, row: row)
    }

    private func keyHash(_ mix: Parts) async throws -> String {
        let owner = try await sealings[0].keyring.ownerKey(mix.reference.owner.recordOwner, kid: mix.row.sealed.kid)
        return owner.keyHash(
            provider: mix.reference.provider.text, secret: Secret(copying: Array(VaultFixture.key.utf8)))
    }
}
