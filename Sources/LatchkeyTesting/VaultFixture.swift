package import LatchkeyCore
package import LatchkeyCrypto

/// Everything between a route and the database, with the outside world replaced: roots made now, a clock that stands
/// still, a provider that answers as the test says. The store is the caller's.
package struct VaultFixture: Sendable {
    package let store: any Store
    package let keyring: RootKeyring
    package let catalogue: ProviderCatalogue
    package let transport: ScriptedTransport
    package let clock: TestClock
    package let vault: KeyVault

    /// `random` is fixed in the middle of the jitter, so that times are whole.
    package static let policy = KeyPolicy(random: { 0.5 })

    package init(
        store: any Store, roots: [any RootKey]? = nil, policy: KeyPolicy = policy, clock: TestClock = TestClock(),
        transport: ScriptedTransport = ScriptedTransport(), parallel: Int = 16, deadline: Duration = .seconds(10)
    ) throws {
        self.store = store
        self.clock = clock
        self.transport = transport
        keyring = try RootKeyring(roots: try roots ?? [Self.newRoot(1)], now: { 0 })
        catalogue = try ProviderCatalogue.load(operatorFile: Self.providers, allowLoopback: true)
        vault = KeyVault(
            store: store, sealing: KeySealing(keyring: keyring), catalogue: catalogue,
            probe: ProviderProbe(transport: transport, parallel: parallel, deadline: deadline), policy: policy,
            clock: clock.clock)
    }

    /// The same store, roots, clock and provider under another policy: what a restart with other settings gives.
    package func with(policy: KeyPolicy) -> KeyVault {
        KeyVault(
            store: store, sealing: vault.sealing, catalogue: catalogue, probe: vault.probe, policy: policy,
            clock: clock.clock)
    }

    package static func newRoot(_ kid: UInt32) throws -> SoftwareRootKey {
        try SoftwareRootKey(kid: kid, key: Secret.random(count: 32))
    }

    /// Long enough for a hint, and of the form that `acme` issues.
    package static let key = "acme-0123456789abcdefghij-wxyz"

    /// Beside the built-in entries: `acme` on this machine, `beta` like it, `fielded` whose host has a part of the key's
    /// own, `apart` which is asked somewhere else, `silent` which cannot be asked.
    package static let providers = """
        providers:
          - id: acme
            base_url: http://127.0.0.1:9/v1
            patterns: ['^acme-']
            powerful: ['^acme-admin-']
            env: [ACME_API_KEY, ACME_KEY]
            probe: {path: /models}
            verdicts:
              - {status: 403, body_contains: region, verdict: blocked}
              - {status: [418, 419], verdict: retiring}
              - {status: 420, verdict: postpone}
          - id: beta
            base_url: https://beta.example/v1
            auth: {header: x-beta-key}
            headers: {x-beta-version: "7"}
            env: [BETA_API_KEY]
            probe: {method: POST, path: /check, body: '{"n":1}', expect: any}
          - id: fielded
            base_url: https://{resource}.fielded.example
            fields:
              - {name: resource, required: true, pattern: "^[a-z0-9-]{1,63}$"}
              - {name: organisation}
            env: [FIELDED_API_KEY]
            probe: {url: "https://check-{resource}.fielded.example/me"}
          - id: apart
            base_url: https://api.apart.example/v1
            env: [APART_API_KEY]
            probe: {url: "https://check.apart.example/me?full=true"}
          - id: silent
            base_url: https://silent.example
        """
}

extension VaultFixture {
    /// A provider of the catalogue.
    /// - Throws: `unknown_provider`.
    package func provider(_ id: String) throws -> Provider { try catalogue.provider(named: id) }

    /// Stores a key for a user named in the call, as that user, and returns its row.
    @discardableResult
    package func set(
        _ provider: String = "acme", key: String = key, name: String? = nil, label: String? = nil,
        baseURL: String? = nil, fields: [String: String] = [:], expiresAt: Timestamp? = nil, validate: Bool = true,
        requireValid: Bool = false, of owner: KeyOwner
    ) async throws -> UserAPIKey {
        try await vault.set(
            SetKeyRequest(
                provider: provider, key: SharedSecret(text: key), name: name, label: label, baseURL: baseURL,
                fields: fields, expiresAt: expiresAt, validate: validate, requireValid: requireValid),
            of: owner, by: Caller(.service, requestID: "request-1")
        ).key
    }

    /// What a stored key opens to, read without a trace: for comparing, not for what is under test.
    package func secret(of reference: KeyReference) async throws -> String? {
        guard let row = try await store.key(reference) else { return nil }
        return try await vault.sealing.open(row, as: reference).secret.text
    }

    /// The events of the store, oldest first.
    package func events() async throws -> [AuditEvent] { try await store.events(limit: 100_000).reversed() }
}

extension SharedSecret {
    /// For tests, which have nothing to hide.
    package convenience init(text: String) { self.init(Secret(copying: Array(text.utf8))) }

    package var text: String { secret.text }
}

extension Secret {
    /// For tests, which have nothing to hide.
    package var text: String { withUnsafeBytes { String(decoding: $0, as: UTF8.self) } }
}
