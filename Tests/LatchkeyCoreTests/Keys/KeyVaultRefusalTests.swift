import LatchkeyCore
import LatchkeyCrypto
import LatchkeyTesting
import Testing

/// What is refused changes nothing: no row, no event, no question to a provider.
struct KeyVaultRefusalTests {
    private let store = ModelStore()
    private let fixture: VaultFixture
    private static let key = VaultFixture.key

    init() throws { fixture = try VaultFixture(store: store) }

    private func expect(_ expected: ErrorCode, _ request: SetKeyRequest, line: Int = #line) async throws {
        let vault = fixture.with(policy: KeyPolicy(allowedBaseURLHosts: ["allowed.example"], random: { 0.5 }))
        for owner in [KeyOwner.user(alice), .global] {
            let error = await failure { try await vault.set(request, of: owner, by: service) }
            #expect(error?.code == expected, "line \(line)")
            #expect(error.map { !"\($0) \($0.hint ?? "")".contains("0123456789") } == true, "line \(line)")
        }
        #expect(try await store.events(limit: 10).isEmpty)
        for table in KeyTable.allCases { #expect(try await store.keyCount(table) == 0) }
        #expect(fixture.transport.requests.isEmpty)
    }

    private func request(
        _ provider: String = "acme", key: String = key, name: String? = nil, label: String? = nil,
        baseURL: String? = nil, fields: [String: String] = [:], expiresAt: Timestamp? = nil
    ) -> SetKeyRequest {
        SetKeyRequest(
            provider: provider, key: SharedSecret(text: key), name: name, label: label, baseURL: baseURL,
            fields: fields, expiresAt: expiresAt)
    }

    @Test(arguments: ["", "nobody", "ACME", "acme ", "acme\0", "../acme", "acme\u{301}", "openai'--"])
    func `an unknown provider`(provider: String) async throws {
        try await expect(.unknownProvider, request(provider))
    }

    @Test(arguments: ["", "a b", "caf\u{e9}", "a/b", "a\n", String(repeating: "a", count: 65)])
    func `a name that is not of the form`(name: String) async throws {
        try await expect(.invalidName, request(name: name))
    }

    @Test(arguments: ["a\nb", "\0", "\u{7F}", "\u{85}", String(repeating: "a", count: 121)])
    func `a label that is not of the form`(label: String) async throws {
        try await expect(.invalidLabel, request(label: label))
    }

    @Test func `a key that is none`() async throws {
        try await expect(.invalidKeyFormat, request(key: ""))
        try await expect(.invalidKeyFormat, request(key: "acme-0123456789\r\nx-evil: 1"))
        try await expect(.maskedKey, request(key: "acme-…0123456789"))
    }

    @Test func `a key pasted into a second member as well`() async throws {
        let key = "acme-0123456789"
        try await expect(.invalidKeyFormat, request(key: key, name: key))
        try await expect(.invalidKeyFormat, request(key: key, label: key))
        try await expect(.invalidKeyFormat, request(key: key, label: "my key is \(key), keep it"))
        try await expect(.invalidKeyFormat, request(key: key, baseURL: "https://allowed.example/\(key)"))
        try await expect(
            .invalidKeyFormat, request("fielded", key: key, fields: ["resource": "r", "organisation": key]))
        try await expect(.invalidKeyFormat, request("fielded", key: key, fields: ["resource": key]))
    }

    @Test(arguments: [
        "https://evil.example/v1", "http://allowed.example/v1", "https://allowed.example@evil.example/",
        "https://evil.example/allowed.example", "https://evil.example#allowed.example",
        "https://evil.example?allowed.example", "https://evil.example\\allowed.example",
        "https://allowed.example.evil.example", "https://allowed.example:8443/", "https://allowed.example./",
        "https://allowed.example\n/", "https://allowed.example/\u{301}", "//allowed.example", "allowed.example", "",
        " https://allowed.example", "HTTPS://allowed.example", "file:///etc/passwd", "http://127.0.0.1:10/v1",
        "http://127.0.0.1:9/v2", "http://169.254.169.254/", "https://[::1]/", "https://{resource}.example",
        "https://allowed.example/" + String(repeating: "a", count: 500),
    ])
    func `an address that the operator does not allow`(address: String) async throws {
        try await expect(.baseURLNotAllowed, request(baseURL: address))
    }

    @Test func `an address the operator allows, and the catalogue's own`() async throws {
        let vault = fixture.with(policy: KeyPolicy(allowedBaseURLHosts: ["allowed.example"], random: { 0.5 }))
        for (given, stored) in [
            ("https://allowed.example/v1", "https://allowed.example/v1"),
            ("https://ALLOWED.example/v1//", "https://ALLOWED.example/v1"),
            ("http://127.0.0.1:9/v1/", "http://127.0.0.1:9/v1"), ("http://127.0.0.1:9/v1", "http://127.0.0.1:9/v1"),
        ] {
            let row = try await vault.set(request(baseURL: given), of: .user(alice), by: service).key
            #expect(row.baseURL == stored)
            #expect(fixture.transport.urls.last == stored + "/models")
        }
    }

    @Test func `fields that are missing, unknown or of another form`() async throws {
        try await expect(.invalidField, request("fielded"))
        try await expect(.invalidField, request("fielded", fields: ["resource": ""]))
        try await expect(.invalidField, request("fielded", fields: ["resource": "a.evil.example/"]))
        try await expect(.invalidField, request("fielded", fields: ["resource": "r", "other": "x"]))
        try await expect(.invalidField, request("acme", fields: ["resource": "r"]))
        try await expect(.invalidField, request("fielded", fields: ["resource": "r", "organisation": "a\nb"]))
    }

    @Test func `a credential that is larger than a payload may be`() async throws {
        let key = String(repeating: "0123456789", count: 409)
        let quoted = String(repeating: "\"", count: 4096 - 1) + "a"
        let row = try await fixture.set(key: key, validate: false, of: .global)
        #expect(row.sealed.rowVersion == 1)
        let error = await failure { try await fixture.set(key: quoted, validate: false, of: .user(alice)) }
        #expect(error?.code == .invalidKeyFormat)
        #expect(try await store.keyCount(.user) == 0)
    }

    // MARK: The store

    @Test func `a store that fails leaves nothing behind`() async throws {
        let faulty = FaultyStore(store)
        let fixture = try VaultFixture(store: faulty)
        faulty.fail(.put)
        #expect(await code { try await fixture.set(of: .user(alice)) } == .storeUnavailable)
        #expect(try await store.keyCount(.user) == 0)
        #expect(try await store.events(limit: 10).isEmpty)
        faulty.fail(.put, with: nil)
        try await fixture.set(of: .user(alice))
        #expect(try await store.keyCount(.user) == 1)
    }

    @Test func `a refusal that cannot be recorded stores nothing either`() async throws {
        let faulty = FaultyStore(store)
        let fixture = try VaultFixture(store: faulty, transport: ScriptedTransport(.response(401, "{}")))
        faulty.fail(.append)
        #expect(await code { try await fixture.set(requireValid: true, of: .user(alice)) } == .storeUnavailable)
        #expect(!faulty.calls.contains(.put))
    }

    // MARK: Set-up

    @Test func `the set-up actor stores until set-up is finished`() async throws {
        let setup = Caller(.setup)
        _ = try await fixture.vault.set(request(), of: .global, by: setup)
        try await SetupGate(store: store, token: nil, clock: fixture.clock.clock).finish(by: setup)
        let before = try await fixture.events()
        let seen = await code { try await fixture.vault.set(request(name: "late"), of: .global, by: setup) }
        #expect(seen == .setupClosed)
        #expect(try await fixture.events() == before)
        #expect(try await store.keyCount(.global) == 1)
        // It closes for nobody else.
        _ = try await fixture.vault.set(request(name: "late"), of: .global, by: Caller(.admin(alice)))
        #expect(try await store.keyCount(.global) == 2)
    }

    @Test func `set-up that is finished while the provider is asked closes the write under way`() async throws {
        fixture.transport.hold()
        async let stored = code { try await fixture.vault.set(request(), of: .global, by: Caller(.setup)) }
        await fixture.transport.waitForRequests(1)
        try await SetupGate(store: store, token: nil, clock: fixture.clock.clock).finish(by: Caller(.setup))
        fixture.transport.release()
        #expect(await stored == .setupClosed)
        #expect(try await store.keyCount(.global) == 0)
        #expect(try await fixture.events(.keySet).isEmpty)
    }
}
