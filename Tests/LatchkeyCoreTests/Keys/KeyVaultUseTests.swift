import LatchkeyCore
import LatchkeyCrypto
import LatchkeyTesting
import Testing

/// Opening, checking and removing: the audit log first, then the key.
struct KeyVaultUseTests {
    private let store: FaultyStore
    private let fixture: VaultFixture
    private let reference: KeyReference

    init() async throws {
        store = FaultyStore(ModelStore())
        fixture = try VaultFixture(store: store)
        reference = try Sample.reference(.user(alice), "acme")
        try await fixture.set(of: .user(alice))
    }

    // MARK: Audit before use

    @Test func `an opened key has its event`() async throws {
        let caller = Caller(.user(alice), requestID: "request-7")
        #expect(try await fixture.open(reference, by: caller).secret == VaultFixture.key)
        #expect(
            try await fixture.events().last
                == AuditEvent(
                    at: Sample.time, actor: .user(alice), action: .keyUse, owner: .user(alice),
                    provider: reference.provider, name: .default, rowVersion: 1, detail: "test", requestID: "request-7")
        )
    }

    @Test func `no event, no key`() async throws {
        for error in [LatchkeyError(.storeUnavailable, "full"), LatchkeyError(.internalError, "odd")] {
            store.fail(.append, with: error)
            #expect(await failure { try await fixture.open(reference) } == error)
            let resolver = KeyResolver(vault: fixture.vault, environment: .none, globalFallback: true)
            #expect(await failure { try await resolver.serve() } == error)
            let asked = fixture.transport.requests.count
            #expect(await failure { try await fixture.vault.validate(reference, by: service) } == error)
            #expect(fixture.transport.requests.count == asked)
        }
        store.fail(.append, with: nil)
        #expect(try await fixture.events(.keyUse).isEmpty)
        #expect(try await fixture.open(reference).secret == VaultFixture.key)
    }

    @Test func `the event is durable before the key comes out`() async throws {
        let before = store.calls.count
        _ = try await fixture.open(reference)
        #expect(Array(store.calls[before...]) == [.key, .append])
    }

    @Test func `a refused opening says why, and gives no key`() async throws {
        let row = try #require(try await store.key(reference))
        let refusal = LatchkeyError(.keyExpired, "the test says so")
        let seen = await failure {
            _ = try await fixture.vault.open(KeyForUse(row), as: reference, by: service, detail: "test") { _ in
                refusal
            }
        }
        #expect(seen == refusal)
        #expect(try await fixture.events(.keyUse).map(\.outcome) == ["key_expired"])
    }

    @Test func `an opening that fails and cannot be recorded is the store's error`() async throws {
        try await fixture.tamper(reference) { $0.baseURL = "https://evil.example" }
        store.fail(.append)
        #expect(await code { try await fixture.open(reference) } == .storeUnavailable)
    }

    // MARK: Checks

    @Test func `a check writes its verdict, its evidence and two events`() async throws {
        fixture.clock.advance(seconds: 60)
        fixture.transport.answer(.response(401, #"{"code":"revoked"}"#))
        let row = try await fixture.vault.validate(reference, by: service)
        let now = Sample.time.advanced(bySeconds: 60)
        #expect(row.verdict == .invalid)
        #expect(row.evidence == Evidence(httpStatus: 401, code: "revoked", checkedAt: now, decisive: true))
        #expect(row.lastValidated == now)
        #expect(row.sealed.rowVersion == 1)
        let events = try await fixture.events().suffix(2)
        #expect(events.map(\.action) == [.keyUse, .keyCheck])
        #expect(events.map(\.detail) == ["check", "invalid"])
        #expect(events.map(\.outcome) == ["ok", "ok"])
        #expect(events.map(\.rowVersion) == [1, 1])
    }

    @Test func `a postponed check keeps what is known`() async throws {
        fixture.clock.advance(seconds: 60)
        for answer: ScriptedTransport.Answer in [.failure(.network), .response(500, ""), .response(429, "{}")] {
            fixture.transport.answer(answer)
            let row = try await fixture.vault.validate(reference, by: service)
            #expect(row.verdict == .valid)
            #expect(row.lastValidated == Sample.time)
            #expect(!row.evidence.decisive)
            #expect(row.nextCheckAt == Sample.time.advanced(bySeconds: 960))
        }
        #expect(try await fixture.events(.keyCheck).map(\.outcome) == ["postponed", "postponed", "ok"])
    }

    @Test func `a check goes to the sealed address, whatever the column says`() async throws {
        let asked = fixture.transport.requests.count
        try await fixture.tamper(reference) { $0.baseURL = "https://evil.example/v1" }
        #expect(await code { try await fixture.vault.validate(reference, by: service) } == .integrity)
        #expect(fixture.transport.requests.count == asked)
        try await fixture.tamper(reference) { $0.baseURL = "http://127.0.0.1:9/v1" }
        _ = try await fixture.vault.validate(reference, by: service)
        #expect(fixture.transport.urls.last == "http://127.0.0.1:9/v1/models")
    }

    /// The catalogue's entry moves; keys stay with the host they were entered for.
    @Test func `a key is not shown to the catalogue's new address`() async throws {
        let allowing = fixture.with(policy: KeyPolicy(allowedBaseURLHosts: ["allowed.example"], random: { 0.5 }))
        for (provider, url) in [("acme", "https://allowed.example/v2/models"), ("apart", nil)] {
            let request = SetKeyRequest(
                provider: provider, key: SharedSecret(text: VaultFixture.key), baseURL: "https://allowed.example/v2",
                validate: false)
            _ = try await allowing.set(request, of: .global, by: service)
            let asked = fixture.transport.requests.count
            _ = try await fixture.vault.validate(try Sample.reference(.global, provider), by: service)
            #expect(Array(fixture.transport.urls[asked...]) == [url].compactMap { $0 })
        }
    }

    @Test func `a key that is replaced while it is checked keeps its own verdict`() async throws {
        fixture.transport.hold()
        fixture.transport.answer(.response(401, "{}"))
        async let checked = fixture.vault.validate(reference, by: service)
        await fixture.transport.waitForRequests(2)
        try await fixture.set(key: "acme-another-key-0123456789", validate: false, of: .user(alice))
        fixture.transport.release()
        let row = try await checked
        #expect(row.sealed.rowVersion == 2)
        #expect(row.verdict == .unknown)
        #expect(row.lastValidated == nil)
    }

    @Test func `a key that is deleted while it is checked is not found`() async throws {
        fixture.transport.hold()
        async let checked = code { try await fixture.vault.validate(reference, by: service) }
        await fixture.transport.waitForRequests(2)
        try await fixture.vault.remove(reference, by: service)
        fixture.transport.release()
        #expect(await checked == .keyNotFound)
        #expect(try await store.keyCount(.user) == 0)
    }

    @Test func `a key whose provider is gone from the catalogue is not opened`() async throws {
        let vault = KeyVault(
            store: store, sealing: fixture.vault.sealing, catalogue: ProviderCatalogue(date: "", providers: []),
            probe: fixture.vault.probe, policy: VaultFixture.policy, clock: fixture.clock.clock)
        #expect(await code { try await vault.validate(reference, by: service) } == .unknownProviderPath)
        #expect(try await fixture.events(.keyUse).isEmpty)
    }

    // MARK: Removing

    @Test func `removing one key is one event with its version`() async throws {
        try await fixture.set(name: "second", of: .user(alice))
        try await fixture.vault.remove(reference, by: service)
        #expect(try await store.key(reference) == nil)
        #expect(try await fixture.vault.status(of: .user(alice)).map(\.name.text) == ["second"])
        let event = try #require(try await fixture.events().last)
        #expect(event.action == .keyDelete)
        #expect(event.rowVersion == 1)
        #expect(await code { try await fixture.vault.remove(reference, by: service) } == .keyNotFound)
        #expect(try await fixture.events().last == event)
    }

    @Test func `removing all keys of an owner leaves everybody else's`() async throws {
        try await fixture.set(name: "second", of: .user(alice))
        try await fixture.set(of: .user(bob))
        try await fixture.set(of: .global)
        #expect(try await fixture.vault.removeAll(of: .user(alice), by: service) == 2)
        #expect(try await fixture.vault.status(of: .user(alice)).isEmpty)
        #expect(try await fixture.vault.status(of: .user(bob)).count == 1)
        #expect(try await fixture.vault.status(of: .global).count == 1)
        #expect(try await fixture.events(.keyDeleteAll).map(\.detail) == ["2"])
        #expect(try await fixture.vault.removeAll(of: .user(alice), by: service) == 0)
    }
}
