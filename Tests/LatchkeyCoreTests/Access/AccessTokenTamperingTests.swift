import LatchkeyCore
import LatchkeyCrypto
import LatchkeySQL
import LatchkeyTesting
import Logging
import Testing

/// Whoever can write the database cannot widen, revive or move an access token.
struct AccessTokenTamperingTests {
    private let folder: TemporaryFolder
    private let store: SQLStore
    private let fixture: VaultFixture

    init() async throws {
        folder = try TemporaryFolder()
        store = SQLStore(driver: try SQLiteDriver(path: folder.newFile()))
        try await store.migrate()
        fixture = try VaultFixture(store: store, roots: [try VaultFixture.newRoot(1), try VaultFixture.newRoot(2)])
    }

    /// A node that remembers nothing yet.
    private func tokens() -> AccessTokens {
        AccessTokens(store: store, vault: fixture.vault, logger: Logger(label: "test"))
    }

    /// Changes a row behind the service's back.
    private func write(_ row: AccessTokenRow, of owner: KeyOwner) async throws {
        _ = try await store.changeAccessToken(
            row.id, of: owner, limit: 100, now: Sample.time, event: Sample.event(.tokenUse)
        ) { _ in .changed(row) }
    }

    typealias Change = (name: String, change: @Sendable (inout AccessTokenRow) -> Void)

    static let changes: [Change] = [
        ("label", { $0.label += "x" }), ("secret hash", { $0.secretHash[0] ^= 1 }),
        ("no secret hash", { $0.secretHash = [] }), ("scopes", { $0.scopes = "gateway manage resolve status" }),
        ("no scopes", { $0.scopes = "" }), ("providers", { $0.providers = "" }),
        ("another provider", { $0.providers = "beta" }), ("models", { $0.models = "*" }),
        ("no models", { $0.models = "" }),
        ("networks", { $0.networks = "" }), ("another network", { $0.networks = "0.0.0.0/0" }),
        ("limits", { $0.limits = "" }), ("a higher limit", { $0.limits = "money/day=50000000" }),
        ("created", { $0.createdAt = $0.createdAt.advanced(bySeconds: 1) }), ("no expiry", { $0.expiresAt = nil }),
        ("a later expiry", { $0.expiresAt = $0.expiresAt?.advanced(bySeconds: 1) }),
        ("revoked", { $0.revokedAt = Sample.time }), ("replaced", { $0.replacedBy = "bbbbbbbbbbbbbbbb" }),
        ("another root", { $0.rootKid = 2 }), ("an unknown root", { $0.rootKid = 3 }),
        ("root zero", { $0.rootKid = 0 }),
        ("version", { $0.rowVersion += 1 }), ("version zero", { $0.rowVersion = 0 }), ("MAC", { $0.mac[31] ^= 0x80 }),
        ("no MAC", { $0.mac = [] }), ("a short MAC", { $0.mac = Array($0.mac.prefix(31)) }),
        ("two columns that are one text together", { ($0.providers, $0.models) = ("", $0.providers + $0.models) }),
    ]

    private func make(of owner: KeyOwner = .user(alice)) async throws -> (row: AccessTokenRow, text: [UInt8]) {
        let made = try await tokens().create(
            AccessTokenRequest(
                label: "label", scopes: [.gateway], providers: [try #require(ProviderID("acme"))], models: ["gpt-*"],
                networks: [try #require(Network(parsing: "10.0.0.0/8".utf8))],
                limits: [UsageLimit(.money, per: .day, amount: 5_000_000)],
                expiresAt: Sample.time.advanced(bySeconds: 3600)),
            of: owner, by: service)
        return (made.row, Array(made.text.text.utf8))
    }

    private let here = NetworkAddress(parsing: "10.0.0.1".utf8)

    @Test(arguments: 0..<changes.count, [KeyOwner.user(alice), .global])
    func `every column is under the MAC`(index: Int, owner: KeyOwner) async throws {
        let (row, text) = try await make(of: owner)
        #expect(try await tokens().verify(text, from: here) != nil)
        var changed = row
        Self.changes[index].change(&changed)
        try #require(changed != row, "\(Self.changes[index].name) changed nothing")
        try await write(changed, of: owner)
        let node = tokens()
        #expect(try await node.verify(text, from: here) == nil, "\(Self.changes[index].name)")
        #expect(try await node.verify(text, from: here) == nil, "\(Self.changes[index].name)")
        #expect(try await node.list(of: owner).map(\.state) == [.spoilt])
        let events = try await fixture.events(.tokenUse).filter { $0.outcome == "integrity" }
        #expect(events.map(\.detail) == [row.id], "on record once")
        // It is never mended, so it does not come back under a MAC of ours.
        #expect(await code { try await node.roll(row.id, of: owner, by: service) } == .integrity)
        try await write(row, of: owner)
        #expect(try await tokens().verify(text, from: here) != nil)
        try await write(changed, of: owner)
        #expect(try await node.revoke(row.id, of: owner, by: service) == nil)
        #expect(try await store.accessToken(row.id) == nil)
    }

    @Test func `a row does not work for another owner, nor under another id`() async throws {
        let (row, text) = try await make()
        let (other, otherText) = try await make(of: .user(bob))
        let owners: [KeyOwner] = [.user(bob), .global, .user(user("Alice"))]
        for owner in owners {
            var moved = row
            moved.id =
                owner == .global ? "aaaaaaaaaaaaaaaa" : owner == .user(bob) ? "bbbbbbbbbbbbbbbb" : "cccccccccccccccc"
            moved.userID = Array(owner.column.utf8)
            try await store.addAccessToken(
                moved, of: owner, limit: 100, now: Sample.time, event: Sample.event(.tokenUse))
            let shown = Array("lk_\(moved.id)".utf8) + Array(text[19...])
            #expect(try await tokens().verify(shown, from: here) == nil)
        }
        var mixed = other
        (mixed.secretHash, mixed.mac) = (row.secretHash, row.mac)
        try await write(mixed, of: .user(bob))
        #expect(try await tokens().verify(otherText, from: here) == nil)
        #expect(try await tokens().verify(Array(otherText[..<20]) + Array(text[20...]), from: here) == nil)
        #expect(try await tokens().verify(text, from: here) != nil)
    }

    @Test func `a token made under an older root works, and its successor is under the primary one`() async throws {
        let (row, text) = try await make()
        let turned = try VaultFixture(
            store: store, roots: try [2, 1].map { try #require(fixture.keyring.root($0)) }, clock: fixture.clock)
        let node = AccessTokens(store: store, vault: turned.vault, logger: Logger(label: "test"))
        #expect(try await node.verify(text, from: here) != nil)
        let made = try await node.roll(row.id, of: .user(alice), by: service)
        #expect(made.row.rootKid == 2)
        #expect(try await node.verify(Array(made.text.text.utf8), from: here) != nil)
        #expect(try await store.accessToken(row.id)?.rootKid == 1)
        #expect(try await node.verify(text, from: here) != nil)
    }

    /// docs/record-format.md, "Access tokens".
    @Test func `the known answer of the record format`() async throws {
        let key = try #require(Hex.decode("000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"))
        let root = try SoftwareRootKey(kid: 1, key: Secret(copying: key))
        let grantKey = GrantKey(try await OwnerKey(root: root, owner: .user(Array("user-42".utf8))))
        let secret = Secret(copying: (0xA0...0xBF).map { UInt8($0) })
        let hash = grantKey.hash("access-token-secret", id: "abcdefghijklmnop", secret: secret)
        let row = AccessTokenRow(
            id: "abcdefghijklmnop", userID: Array("user-42".utf8), label: "laptop", secretHash: hash,
            scopes: "gateway status", providers: "anthropic openai", models: "gpt-*", networks: "10.0.0.0/8",
            limits: "money/day=5000000 requests/minute=60",
            createdAt: Timestamp(microseconds: 1_767_225_600_000_000),
            expiresAt: Timestamp(microseconds: 1_769_817_600_000_000), revokedAt: nil, replacedBy: nil, rootKid: 1,
            rowVersion: 1, mac: [], lastUsedAt: nil
        ).sealed(under: grantKey)
        #expect(Hex.text(hash) == "bb4d3e1dbce81687f947b0936ae6b071216b65a29d81eea9191e20a508f1d7b1")
        #expect(Hex.text(row.mac) == "689ef2065851f1626e91ae9b180d6c7e0acd864ad2fc882ca5b0a2d190d6e016")
        let text = secret.base64URL(after: "lk_abcdefghijklmnop_").text
        #expect(text == "lk_abcdefghijklmnop_oKGio6SlpqeoqaqrrK2ur7CxsrO0tba3uLm6u7y9vr8")
        #expect(AccessToken(Array(text.utf8))?.id == "abcdefghijklmnop")
    }
}

/// For known answers.
enum Hex {
    static func decode(_ text: String) -> [UInt8]? {
        stride(from: 0, to: text.utf8.count, by: 2).map { index in
            UInt8(text.dropFirst(index).prefix(2), radix: 16) ?? 0
        }
    }

    static func text(_ bytes: [UInt8]) -> String {
        bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }
}
