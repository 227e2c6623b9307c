import LatchkeyCore
import LatchkeyCrypto
import LatchkeyTesting
import Testing

/// Which key serves a call: the user's own, else everybody's, else the environment's.
struct KeyResolverTests {
    private let store = ModelStore()
    private let fixture: VaultFixture
    private let resolver: KeyResolver
    private let environment: EnvironmentKeys

    private static let own = "acme-own-0123456789abcdef"
    private static let global = "acme-global-0123456789abcdef"
    private static let variable = "acme-variable-0123456789abcdef"

    init() throws {
        fixture = try VaultFixture(store: store)
        environment = EnvironmentKeys.read(["ACME_API_KEY": Self.variable], catalogue: fixture.catalogue).keys
        resolver = KeyResolver(vault: fixture.vault, environment: environment, globalFallback: true)
    }

    @Test func `own comes before global, global before the environment, and each is named`() async throws {
        #expect(try await resolver.serve() == served(.environment, Self.variable, .unknown))
        try await fixture.set(key: Self.global, of: .global)
        #expect(try await resolver.serve() == served(.global, Self.global, .valid))
        try await fixture.set(key: Self.own, of: .user(alice))
        #expect(try await resolver.serve() == served(.user, Self.own, .valid))
        #expect(try await resolver.serve(bob) == served(.global, Self.global, .valid))
        let uses = try await fixture.events(.keyUse)
        #expect(uses.map(\.detail) == ["environment", "global", "user", "global"])
        #expect(uses.map(\.owner) == [.user(alice), .global, .user(alice), .global])
        #expect(uses.map(\.rowVersion) == [nil, 1, 1, 1])
        #expect(uses.allSatisfy { $0.outcome == "ok" && $0.requestID == "request-1" })
    }

    @Test func `no key anywhere is not found, without an event`() async throws {
        #expect(await code { try await resolver.serve(alice, "beta") } == .keyNotFound)
        #expect(try await fixture.events().isEmpty)
    }

    // MARK: Named keys

    @Test func `a named key that is missing is not replaced`() async throws {
        try await fixture.set(key: Self.own, of: .user(alice))
        try await fixture.set(key: Self.global, of: .global)
        try await fixture.set(key: Self.global, name: "work", of: .global)
        for name in ["work", "Default", "default.", "DEFAULT"] {
            #expect(await code { try await resolver.serve(name: name) } == .keyNotFound)
        }
        #expect(try await fixture.events(.keyUse).isEmpty)
    }

    @Test func `a named key that is there serves, and "default" is the one without a name`() async throws {
        try await fixture.set(key: Self.own, name: "work", of: .user(alice))
        try await fixture.set(key: Self.global, of: .global)
        #expect(try await resolver.serve(name: "work") == served(.user, Self.own, .valid))
        #expect(try await resolver.serve(name: "default") == served(.global, Self.global, .valid))
        #expect(await code { try await resolver.serve(bob, name: "work") } == .keyNotFound)
    }

    // MARK: Keys that cannot serve

    @Test func `an invalid or expired own key is an error, and nothing replaces it`() async throws {
        try await fixture.set(key: Self.global, of: .global)
        try await fixture.set(key: Self.own, of: .user(alice))
        for (verdict, expected) in [(Verdict.invalid, ErrorCode.keyInvalid), (.expired, .keyExpired)] {
            try await fixture.tamper(try Sample.reference(.user(alice), "acme")) { $0.verdict = verdict }
            let error = await failure { try await resolver.serve() }
            #expect(error?.code == expected)
            #expect(error.map { !"\($0)".contains("0123456789") } == true)
            let event = try #require(try await fixture.events().last)
            #expect(event.action == .keyUse)
            #expect(event.owner == .user(alice))
            #expect(event.outcome == expected.rawValue)
        }
    }

    @Test func `an invalid global key is not replaced by the environment's`() async throws {
        fixture.transport.answer(.response(401, "{}"))
        try await fixture.set(key: Self.global, of: .global)
        #expect(await code { try await resolver.serve() } == .keyInvalid)
    }

    @Test(arguments: Verdict.allCases)
    func `every other verdict serves`(verdict: Verdict) async throws {
        try await fixture.set(key: Self.own, of: .user(alice))
        try await fixture.tamper(try Sample.reference(.user(alice), "acme")) { $0.verdict = verdict }
        let seen = try? await resolver.serve()
        #expect(seen?.verdict == (verdict == .invalid || verdict == .expired ? nil : verdict))
    }

    @Test func `an own key that does not open is not replaced`() async throws {
        try await fixture.set(key: Self.global, of: .global)
        try await fixture.set(key: Self.own, of: .user(alice))
        let reference = try Sample.reference(.user(alice), "acme")
        try await fixture.tamper(reference) { $0.sealed.token[40] ^= 1 }
        #expect(await code { try await resolver.serve() } == .integrity)
        // Somebody else's row under this user's name.
        let bobs = try await fixture.set(key: Self.own, of: .user(bob))
        try await fixture.tamper(reference) { $0.sealed = bobs.sealed }
        #expect(await code { try await resolver.serve() } == .integrity)
    }

    @Test func `a store that fails is no missing key`() async throws {
        let faulty = FaultyStore(store)
        let fixture = try VaultFixture(store: faulty)
        let resolver = KeyResolver(vault: fixture.vault, environment: environment, globalFallback: true)
        for call: FaultyStore.Call in [.key, .setting, .append] {
            faulty.fail(call)
            #expect(await code { try await resolver.serve() } == .storeUnavailable)
            faulty.fail(call, with: nil)
        }
    }

    // MARK: Expiry

    @Test func `the sealed expiry counts, to the second`() async throws {
        try await fixture.set(key: Self.global, of: .global)
        try await fixture.set(key: Self.own, expiresAt: Sample.time.advanced(bySeconds: 60), of: .user(alice))
        fixture.clock.advance(seconds: 59)
        #expect(try await resolver.serve().source == .user)
        fixture.clock.advance(seconds: 1)
        #expect(await code { try await resolver.serve() } == .keyExpired)
        fixture.clock.advance(seconds: 3_155_760_000)
        #expect(await code { try await resolver.serve() } == .keyExpired)
        #expect(try await fixture.events().last?.outcome == "key_expired")
    }

    @Test func `a changed expiry column neither revives an expired key nor ends a good one`() async throws {
        let reference = try Sample.reference(.user(alice), "acme")
        try await fixture.set(key: Self.own, expiresAt: Sample.time.advanced(bySeconds: 60), of: .user(alice))
        fixture.clock.advance(seconds: 61)
        for expiry in [nil, Sample.time.advanced(bySeconds: 7200)] {
            try await fixture.tamper(reference) { $0.expiresAt = expiry }
            #expect(await code { try await resolver.serve() } == .integrity)
        }
        try await fixture.set(key: Self.own, of: .user(alice))
        try await fixture.tamper(reference) { $0.expiresAt = Sample.time }
        #expect(await code { try await resolver.serve() } == .integrity)
    }

    // MARK: Switches

    @Test func `the operator's switch closes global and environment for everybody`() async throws {
        let strict = KeyResolver(vault: fixture.vault, environment: environment, globalFallback: false)
        try await fixture.set(key: Self.global, of: .global)
        try await set(true, alice)
        #expect(await code { try await strict.serve() } == .keyNotFound)
        try await fixture.set(key: Self.own, of: .user(alice))
        #expect(try await strict.serve() == served(.user, Self.own, .valid))
        #expect(try await strict.allowsFallback(alice) == false)
    }

    @Test func `a user's switch closes them for that user alone`() async throws {
        try await fixture.set(key: Self.global, of: .global)
        try await set(false, alice)
        #expect(await code { try await resolver.serve() } == .keyNotFound)
        #expect(try await resolver.serve(bob).source == .global)
        try await set(true, alice)
        #expect(try await resolver.serve().source == .global)
        try await fixture.vault.remove(try Sample.reference(.global, "acme"), by: service)
        try await set(false, alice)
        #expect(await code { try await resolver.serve() } == .keyNotFound)
        #expect(try await resolver.serve(bob).source == .environment)
    }

    // MARK: What would serve

    @Test func `what would serve is what serves`() async throws {
        let expiry = Sample.time.advanced(bySeconds: 60)
        for own in [nil, Verdict.valid, .invalid, .unknown, .blocked] {
            for global in [nil, Verdict.valid, .invalid] {
                for fallback in [true, false] {
                    for isLate in [false, true] {
                        try await fixture.vault.removeAllForTest()
                        if let own { try await put(.user(alice), own, Self.own, expiry) }
                        if let global { try await put(.global, global, Self.global, expiry) }
                        try await set(fallback, alice)
                        let now = isLate ? expiry : Sample.time
                        let clock = WallClock { now }
                        let vault = KeyVault(
                            store: store, sealing: fixture.vault.sealing, catalogue: fixture.catalogue,
                            probe: fixture.vault.probe, policy: VaultFixture.policy, clock: clock)
                        let resolver = KeyResolver(vault: vault, environment: environment, globalFallback: true)
                        let said = resolver.serving(
                            try fixture.provider("acme").id, own: try await store.keys(of: .user(alice)),
                            global: try await store.keys(of: .global), fallback: fallback, at: now)
                        let seen = try? await resolver.serve()
                        let says = said.verdict.map(\.mayServe) ?? true ? said.source : nil
                        #expect(seen?.source == says, "\(said)")
                        #expect(!said.reason.isEmpty)
                    }
                }
            }
        }
    }

    private func put(_ owner: KeyOwner, _ verdict: Verdict, _ key: String, _ expiry: Timestamp) async throws {
        try await fixture.set(key: key, expiresAt: expiry, validate: false, of: owner)
        try await fixture.tamper(try Sample.reference(owner, "acme")) { $0.verdict = verdict }
    }

    private func set(_ value: Bool, _ user: UserID) async throws {
        try await store.set(.globalFallback, to: value, of: user, event: Sample.event(.settingsChange))
    }

    private func served(_ source: KeyResolver.Source, _ secret: String, _ verdict: Verdict) -> Served {
        Served(source: source, secret: secret, baseURL: "http://127.0.0.1:9/v1", verdict: verdict)
    }
}

extension KeyVault {
    fileprivate func removeAllForTest() async throws {
        _ = try await removeAll(of: .user(alice), by: service)
        _ = try await removeAll(of: .global, by: service)
    }
}
