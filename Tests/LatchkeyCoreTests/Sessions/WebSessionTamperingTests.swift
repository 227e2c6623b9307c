import LatchkeyCore
import LatchkeyCrypto
import LatchkeySQL
import LatchkeyTesting
import Logging
import Testing

/// Whoever can write the database signs nobody in.
struct WebSessionTamperingTests {
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
    private func sessions() -> WebSessions {
        WebSessions(store: store, vault: fixture.vault, logger: Logger(label: "test"))
    }

    /// Puts a row in place of another behind the service's back.
    private func write(_ row: WebSessionRow, over old: WebSessionRow) async throws {
        let user = try UserID(old.userID)
        _ = try await store.removeWebSession(old.id, kind: old.kind, of: user, event: nil)
        try await store.addWebSession(
            row, of: try UserID(row.userID), limit: 100, now: Sample.time.advanced(bySeconds: -1_000_000),
            event: Sample.event(.settingsChange))
    }

    typealias Change = (name: String, change: @Sendable (inout WebSessionRow) -> Void)

    static let changes: [Change] = [
        ("another user", { $0.userID = bob.bytes }), ("administrator", { $0.isAdmin.toggle() }),
        ("a later end", { $0.expiresAt = $0.expiresAt.advanced(bySeconds: 1) }),
        ("an earlier end", { $0.expiresAt = $0.expiresAt.advanced(bySeconds: -1) }),
        ("created later", { $0.createdAt = $0.createdAt.advanced(bySeconds: 1) }),
        ("secret hash", { $0.secretHash[0] ^= 1 }), ("no secret hash", { $0.secretHash = [] }),
        ("method", { $0.method += "x" }), ("another root", { $0.rootKid = 2 }),
        ("an unknown root", { $0.rootKid = 3 }), ("MAC", { $0.mac[31] ^= 0x80 }), ("no MAC", { $0.mac = [] }),
        ("a short MAC", { $0.mac = Array($0.mac.prefix(31)) }),
        ("kind", { $0.kind = $0.kind == .code ? .session : .code }),
    ]

    /// What a row opens to who shows its secret, as whichever kind the row says that it is.
    private func opens(_ secret: [UInt8], _ node: WebSessions) async throws -> Bool {
        let session = try await node.verify(WebSessions.cookiePrefix + secret)
        let code = try await node.redeem(WebSessions.codePrefix + secret)
        return session != nil || code != nil
    }

    private func make(_ kind: WebSessionRow.Kind) async throws -> (row: WebSessionRow, secret: [UInt8]) {
        let text =
            switch kind {
            case .session:
                try await sessions().create(user: alice, isAdmin: false, method: "oidc", by: service).cookie.text
            case .code: try await sessions().makeCode(user: alice, isAdmin: false, by: service).text.text
            }
        let id = String(decoding: Array(text.utf8)[4..<20], as: UTF8.self)
        return (try #require(try await store.webSession(id)), Array(Array(text.utf8)[4...]))
    }

    @Test(arguments: 0..<changes.count, WebSessionRow.Kind.allCases)
    func `every column is under the MAC`(index: Int, kind: WebSessionRow.Kind) async throws {
        let (row, secret) = try await make(kind)
        var changed = row
        Self.changes[index].change(&changed)
        try #require(changed != row, "\(Self.changes[index].name) changed nothing")
        try await write(changed, over: row)
        let node = sessions()
        #expect(try await !opens(secret, node), "\(Self.changes[index].name)")
        #expect(try await !opens(secret, node), "\(Self.changes[index].name)")
        let events = try await fixture.events(.sessionUse)
        #expect(events.map(\.detail) == [row.id], "on record once")
        #expect(events.map(\.outcome) == ["integrity"])
        // As it was, it works: the change is what was refused.
        try await write(row, over: changed)
        #expect(try await opens(secret, sessions()))
    }

    @Test func `a row under another id does not work, nor with another row's secret`() async throws {
        let (row, secret) = try await make(.session)
        let (other, otherSecret) = try await make(.session)
        var moved = row
        moved.id = "aaaaaaaaaaaaaaaa"
        try await write(moved, over: row)
        #expect(try await !opens(Array("aaaaaaaaaaaaaaaa".utf8) + secret.dropFirst(16), sessions()))
        var mixed = other
        (mixed.secretHash, mixed.mac) = (row.secretHash, row.mac)
        try await write(mixed, over: other)
        #expect(try await !opens(otherSecret, sessions()))
        #expect(try await !opens(Array(other.id.utf8) + secret.dropFirst(16), sessions()))
    }

    /// docs/record-format.md, "Sessions"; computed from its words with Python's `hmac`.
    @Test(arguments: [
        (
            WebSessionRow.Kind.session, 480 * 60,
            "73ceca48ac8cb63066af2f9cbf065413ab7d4a752648b9bbb4fa95a47d40bb57",
            "5d411486f498b0f38b2a5259a2786336f4922dbc867ab08440fc8dc032fc8f12"
        ),
        (
            .code, 60, "3f9978726c6c5c7ab955ce60d84e9d37cf72fba6303d471bf6499a558c0136dd",
            "4c6b03508ba707c4b1a0ba91018eaa0bd7dbec3181da5e94ad8e64e80b025006"
        ),
    ])
    func `the known answers of the record format`(
        kind: WebSessionRow.Kind, seconds: Int64, hash: String, mac: String
    ) async throws {
        let root = try SoftwareRootKey(kid: 1, key: Secret(copying: (0..<32).map { UInt8($0) }))
        let node = try VaultFixture(store: store, roots: [root])
        let key = GrantKey(try await OwnerKey(root: root, owner: .user(Array("user-42".utf8))))
        let secret = Secret(copying: (0xA0...0xBF).map { UInt8($0) })
        let label = kind == .session ? "web-session-secret" : "sign-in-code-secret"
        let secretHash = key.hash(label, id: "abcdefghijklmnop", secret: secret)
        let row = WebSessionRow(
            id: "abcdefghijklmnop", kind: kind, userID: Array("user-42".utf8), secretHash: secretHash, isAdmin: true,
            method: "code", createdAt: Sample.time, expiresAt: Sample.time.advanced(bySeconds: seconds), rootKid: 1,
            mac: []
        ).sealed(under: key)
        #expect(Hex.text(secretHash) == hash)
        #expect(Hex.text(row.mac) == mac)
        try await store.addWebSession(
            row, of: try #require(row.user), limit: 1, now: Sample.time, event: Sample.event(.signIn))
        let shown = Array("abcdefghijklmnop_oKGio6SlpqeoqaqrrK2ur7CxsrO0tba3uLm6u7y9vr8".utf8)
        let sessions = WebSessions(store: store, vault: node.vault, logger: Logger(label: "test"))
        guard kind == .session else {
            #expect(try await sessions.redeem(WebSessions.codePrefix + shown)?.session.isAdmin == true)
            return
        }
        let session = try #require(try await sessions.verify(WebSessions.cookiePrefix + shown))
        #expect(session.user == row.user && session.isAdmin)
        #expect(session.csrfToken == Array("S26bHQ9AgHIWehPPS4qBYWnEFOlDnxB6yv29lefvhyE".utf8))
    }

    @Test func `who signed in under an older root stays signed in`() async throws {
        let (row, secret) = try await make(.session)
        let turned = try VaultFixture(
            store: store, roots: try [2, 1].map { try #require(fixture.keyring.root($0)) }, clock: fixture.clock)
        let node = WebSessions(store: store, vault: turned.vault, logger: Logger(label: "test"))
        let session = try #require(try await node.verify(WebSessions.cookiePrefix + secret))
        #expect(session.user == alice)
        let made = try await node.create(user: alice, isAdmin: false, method: "oidc", by: service)
        #expect(try await store.webSession(made.session.id)?.rootKid == 2)
        #expect(try await store.webSession(row.id)?.rootKid == 1)
    }
}
