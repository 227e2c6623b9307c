import LatchkeyCore
import LatchkeyCrypto
import LatchkeySQL
import LatchkeyTesting
import Logging
import Testing

/// Access tokens from making to refusing.
struct AccessTokensTests {
    private let folder: TemporaryFolder
    private let store: SQLStore
    private let fixture: VaultFixture
    private let tokens: AccessTokens

    init() async throws {
        folder = try TemporaryFolder()
        store = SQLStore(driver: try SQLiteDriver(path: folder.newFile()))
        try await store.migrate()
        fixture = try VaultFixture(store: store)
        tokens = AccessTokens(store: store, vault: fixture.vault, logger: Logger(label: "test"))
    }

    /// Another node: the same database and roots, nothing remembered.
    private func anotherNode() -> AccessTokens {
        AccessTokens(store: store, vault: fixture.vault, logger: Logger(label: "test"))
    }

    private static let full = AccessTokenRequest(
        label: "caf\u{e9}", scopes: [.gateway, .status], providers: ["acme", "beta"].compactMap { ProviderID($0) },
        models: ["gpt-*", "o1"], networks: ["10.0.0.0/8", "fd00::/8"].compactMap { Network(parsing: $0.utf8) },
        limits: [UsageLimit(.money, per: .day, amount: 5_000_000), UsageLimit(.requests, per: .minute, amount: 0)],
        expiresAt: Sample.time.advanced(bySeconds: 3600))

    private func make(
        _ request: AccessTokenRequest = AccessTokenRequest(scopes: [.gateway]), of owner: KeyOwner = .user(alice)
    ) async throws -> (id: String, text: [UInt8]) {
        let made = try await tokens.create(request, of: owner, by: service)
        return (made.row.id, Array(made.text.text.utf8))
    }

    private func here(_ text: String = "10.1.2.3") -> NetworkAddress? { NetworkAddress(parsing: text.utf8) }

    @Test(arguments: [KeyOwner.user(alice), .global])
    func `a token grants what it was made for`(owner: KeyOwner) async throws {
        let (id, text) = try await make(Self.full, of: owner)
        let grant = try #require(try await tokens.verify(text, from: here()))
        #expect(grant.id == id)
        #expect(grant.holder == (owner == .global ? .service : .user(alice)))
        #expect(grant.scopes == Self.full.scopes)
        #expect(Set(grant.providers) == Set(Self.full.providers))
        #expect(Set(grant.models) == Set(Self.full.models))
        #expect(Set(grant.networks) == Set(Self.full.networks))
        #expect(Set(grant.limits) == Set(Self.full.limits))
        #expect(grant.expiresAt == Self.full.expiresAt)
        #expect(grant.allows(model: "gpt-4o") && grant.allows(model: "o1") && !grant.allows(model: "o1-mini"))
        let events = try await fixture.events(.tokenCreate)
        #expect(events.map(\.detail) == [id])
        #expect(events.map(\.owner) == [owner])
    }

    @Test func `another secret, another id and another form are refused`() async throws {
        let (_, text) = try await make()
        let (_, other) = try await make(of: .user(bob))
        #expect(try await tokens.verify(text, from: nil) != nil)
        var wrong = text
        wrong[30] = wrong[30] == UInt8(ascii: "A") ? UInt8(ascii: "B") : UInt8(ascii: "A")
        let mixed = Array(text[..<20]) + Array(other[20...])
        let unknown = Array("lk_aaaaaaaaaaaaaaaa".utf8) + Array(text[19...])
        for bad in [wrong, mixed, unknown, [], Array(text.dropLast()), Array("lk_".utf8)] {
            #expect(try await tokens.verify(bad, from: nil) == nil)
        }
    }

    @Test func `networks and expiry are asked at each use, a remembered row or not`() async throws {
        let (_, text) = try await make(Self.full)
        #expect(try await tokens.verify(text, from: here("fd00::1")) != nil)
        for elsewhere in [here("11.0.0.1"), here("2001:db8::1"), nil] {
            #expect(try await tokens.verify(text, from: elsewhere) == nil)
        }
        fixture.clock.advance(seconds: 3599)
        #expect(try await tokens.verify(text, from: here()) != nil)
        fixture.clock.advance(seconds: 1)
        #expect(try await tokens.verify(text, from: here()) == nil)
    }

    @Test func `a revoked token is refused at once, and elsewhere when what is remembered there is old`() async throws {
        let (id, text) = try await make()
        let elsewhere = anotherNode()
        #expect(try await tokens.verify(text, from: nil) != nil)
        #expect(try await elsewhere.verify(text, from: nil) != nil)
        try await tokens.revoke(id, of: .user(alice), by: service)
        #expect(try await tokens.verify(text, from: nil) == nil)
        let start = ContinuousClock.now
        while try await elsewhere.verify(text, from: nil) != nil {
            try #require(ContinuousClock.now - start < .seconds(2), "a revoked token works on elsewhere")
            try await Task.sleep(for: .milliseconds(5))
        }
        #expect(ContinuousClock.now - start < .milliseconds(1500))
        // Once more changes nothing, and says nothing.
        try await tokens.revoke(id, of: .user(alice), by: service)
        #expect(try await fixture.events(.tokenRevoke).map(\.detail) == [id])
    }

    @Test func `a token is its owner's to revoke and to roll`() async throws {
        let (id, text) = try await make()
        for other in [KeyOwner.user(bob), .global] {
            #expect(await code { try await tokens.revoke(id, of: other, by: service) } == .tokenNotFound)
            #expect(await code { try await tokens.roll(id, of: other, by: service) } == .tokenNotFound)
            #expect(try await tokens.list(of: other) == [])
        }
        for id in ["", "lk_", "aaaaaaaaaaaaaaaa", "'; --"] {
            #expect(await code { try await tokens.revoke(id, of: .user(alice), by: service) } == .tokenNotFound)
        }
        #expect(try await tokens.verify(text, from: nil) != nil)
    }

    @Test(arguments: [Int64(0), 60, AccessTokens.longestOverlap])
    func `a rolled token works on for the overlap, its successor grants the same`(overlap: Int64) async throws {
        var request = Self.full
        request.expiresAt = nil
        request.networks = []
        let (id, text) = try await make(request)
        let before = try #require(try await tokens.verify(text, from: nil))
        let made = try await tokens.roll(id, of: .user(alice), overlap: overlap, by: service)
        let newText = Array(made.text.text.utf8)
        var after = try #require(try await tokens.verify(newText, from: nil))
        #expect(after.id != id)
        after.id = id
        #expect(after == before)
        if overlap > 0 {
            fixture.clock.advance(seconds: overlap - 1)
            #expect(try await tokens.verify(text, from: nil) != nil)
            fixture.clock.advance(seconds: 1)
        }
        #expect(try await tokens.verify(text, from: nil) == nil)
        #expect(try await tokens.verify(newText, from: nil) != nil)
        #expect(await code { try await tokens.roll(id, of: .user(alice), by: service) } == .invalidToken)
        #expect(try await fixture.events(.tokenRoll).map(\.detail) == ["\(id) \(made.row.id)"])
        let states = try await tokens.list(of: .user(alice)).map { ($0.row.id, $0.state) }
        #expect(states.first { $0.0 == id }?.1 == .expired)
        #expect(states.first { $0.0 == made.row.id }?.1 == .live)
    }

    @Test func `an overlap does not outlast the old token's own expiry`() async throws {
        let (id, text) = try await make(Self.full)
        _ = try await tokens.roll(
            id, of: .user(alice), expiresAt: Sample.time.advanced(bySeconds: 999_999), by: service)
        fixture.clock.advance(seconds: 3600)
        #expect(try await tokens.verify(text, from: here()) == nil)
    }

    @Test func `a user has a hundred tokens that work and no more`() async throws {
        for _ in 0..<AccessTokens.mostOfAUser { _ = try await make() }
        #expect(await code { try await make() } == .invalidToken)
        let listed = try await tokens.list(of: .user(alice))
        #expect(listed.count == 100)
        #expect(await code { try await tokens.roll(listed[0].row.id, of: .user(alice), by: service) } == .invalidToken)
        #expect(
            await code { try await tokens.roll(listed[0].row.id, of: .user(alice), overlap: 0, by: service) } == nil)
        _ = try await make(of: .user(bob))
        try await tokens.revoke(listed[1].row.id, of: .user(alice), by: service)
        _ = try await make()
    }

    @Test func `what cannot be made is refused and leaves nothing`() async throws {
        let wrong: [(AccessTokenRequest, ErrorCode)] = [
            (AccessTokenRequest(scopes: []), .invalidToken),
            (AccessTokenRequest(label: "a\nb", scopes: [.status]), .invalidLabel),
            (AccessTokenRequest(label: String(repeating: "x", count: 121), scopes: [.status]), .invalidLabel),
            (
                AccessTokenRequest(scopes: [.status], providers: [ProviderID("nobody")].compactMap(\.self)),
                .unknownProvider
            ),
            (AccessTokenRequest(scopes: [.status], models: ["a b"]), .invalidToken),
            (AccessTokenRequest(scopes: [.status], models: ["a*b"]), .invalidToken),
            (AccessTokenRequest(scopes: [.status], models: [""]), .invalidToken),
            (AccessTokenRequest(scopes: [.status], models: [String(repeating: "m", count: 129)]), .invalidToken),
            (AccessTokenRequest(scopes: [.status], models: (0...100).map { "m\($0)" }), .invalidToken),
            (AccessTokenRequest(scopes: [.status], limits: [UsageLimit(.money, per: .day, amount: -1)]), .invalidLimit),
            (
                AccessTokenRequest(scopes: [.status], limits: [UsageLimit(.money, per: .day, amount: .max)]),
                .invalidLimit
            ),
            (
                AccessTokenRequest(
                    scopes: [.status],
                    limits: [UsageLimit(.money, per: .day, amount: 1), UsageLimit(.money, per: .day, amount: 2)]),
                .invalidLimit
            ),
            (AccessTokenRequest(scopes: [.status], expiresAt: Sample.time), .invalidExpiry),
        ]
        for (request, expected) in wrong { #expect(await code { try await make(request) } == expected) }
        for overlap in [Int64(-1), AccessTokens.longestOverlap + 1, .max, .min] {
            let (id, _) = try await make()
            let refused = await code { try await tokens.roll(id, of: .user(alice), overlap: overlap, by: service) }
            #expect(refused == .invalidToken)
        }
        #expect(try await fixture.events(.tokenCreate).count == 4)
    }
}
