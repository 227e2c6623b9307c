import LatchkeyCore
import LatchkeyCrypto
import LatchkeyTesting
import Testing

/// Columns that repeat what is sealed are believed only while they agree with it.
struct RepeatedColumnTests {
    private let fixture: VaultFixture
    private let reference: KeyReference

    init() async throws {
        fixture = try VaultFixture(store: ModelStore())
        reference = try Sample.reference(.user(alice), "acme")
        try await fixture.set(
            expiresAt: Sample.time.advanced(bySeconds: 3600), validate: false, of: .user(alice))
    }

    private struct Change: Sendable, CustomStringConvertible {
        var description: String
        var apply: @Sendable (inout UserAPIKey) -> Void
    }

    private static let changes: [Change] = [
        Change(description: "kind: oauth") { $0.kind = "oauth" },
        Change(description: "kind: another word") { $0.kind = "API_KEY" },
        Change(description: "kind: none") { $0.kind = "" },
        Change(description: "base_url: another host") { $0.baseURL = "https://evil.example/v1" },
        Change(description: "base_url: a slash more") { $0.baseURL += "/" },
        Change(description: "base_url: another case") { $0.baseURL = $0.baseURL.uppercased() },
        Change(description: "base_url: none") { $0.baseURL = "" },
        Change(description: "base_url: a combining mark more") { $0.baseURL += "\u{301}" },
        Change(description: "expires_at: none") { $0.expiresAt = nil },
        Change(description: "expires_at: a second later") { $0.expiresAt = $0.expiresAt?.advanced(bySeconds: 1) },
        Change(description: "expires_at: a second earlier") { $0.expiresAt = $0.expiresAt?.advanced(bySeconds: -1) },
        Change(description: "expires_at: a century later") {
            $0.expiresAt = $0.expiresAt?.advanced(bySeconds: 3_155_760_000)
        },
        Change(description: "key_hint: another") { $0.keyHint = "aaaa" },
        Change(description: "key_hint: none") { $0.keyHint = nil },
        Change(description: "key_hint: empty") { $0.keyHint = "" },
        Change(description: "key_hint: longer") { $0.keyHint = "-wxyz" },
        Change(description: "key_hash: one digit") { row in
            row.keyHash = (row.keyHash.first == "0" ? "1" : "0") + row.keyHash.dropFirst()
        },
        Change(description: "key_hash: upper case") { $0.keyHash = $0.keyHash.uppercased() },
        Change(description: "key_hash: cut") { $0.keyHash.removeLast() },
        Change(description: "key_hash: none") { $0.keyHash = "" },
    ]

    @Test(arguments: 0..<changes.count)
    func `a changed column is an integrity error`(index: Int) async throws {
        let change = Self.changes[index]
        var row = try #require(try await fixture.store.key(reference))
        let sealing = fixture.vault.sealing
        _ = try await sealing.open(row, as: reference)
        let before = row
        change.apply(&row)
        let changed = row
        try #require(changed != before, "\(change) changed nothing")
        let seen = await failure { _ = try await sealing.open(changed, as: reference) }
        #expect(seen == KeySealing.integrity, "\(change)")
    }

    @Test(arguments: 0..<changes.count)
    func `a changed column is refused and recorded by everything that opens`(index: Int) async throws {
        let asked = fixture.transport.requests.count
        try await fixture.tamper(reference, Self.changes[index].apply)
        #expect(await code { try await fixture.open(reference) } == .integrity)
        #expect(await code { try await fixture.vault.validate(reference, by: service) } == .integrity)
        let resolver = KeyResolver(vault: fixture.vault, environment: .none, globalFallback: true)
        let resolved = await code { try await resolver.serve() }
        // A column that says "expired" changes nothing either: the error is about the row.
        #expect(resolved == .integrity)
        #expect(fixture.transport.requests.count == asked)
        #expect(try await fixture.events(.keyUse).suffix(3).map(\.outcome) == ["integrity", "integrity", "integrity"])
    }

    @Test func `label, verdict and times are the database's own and stop no opening`() async throws {
        try await fixture.tamper(reference) { row in
            row.label = "another"
            row.verdict = .blocked
            row.createdAt = Timestamp(microseconds: 0)
            row.lastUsedAt = Timestamp(microseconds: 0)
        }
        #expect(try await fixture.open(reference).secret == VaultFixture.key)
    }

    @Test func `every suite-1 key opens again, short and long`() async throws {
        for count in [1, 3, 19, 20, 255, 256, 4096] {
            let key = String((0..<count).map { Character(Unicode.Scalar(UInt8(0x21 + $0 % 94))) })
                .replacing("...", with: "x")
            try await fixture.set(key: key, validate: false, of: .global)
            let global = try Sample.reference(.global, "acme")
            #expect(try await fixture.secret(of: global) == key)
            #expect(try await fixture.store.key(global)?.keyHint == (count < 20 ? nil : String(key.suffix(4))))
        }
    }
}
