package import LatchkeyCrypto

/// Which key serves a call (the reference system's AI configuration): the user's own, else the global one, else an
/// environment variable, and the answer always says which.
package struct KeyResolver: Sendable {
    package let vault: KeyVault
    package let environment: EnvironmentKeys
    /// The operator's switch; a user has one too.
    package let globalFallback: Bool
    private let uses: UseRecorder<KeyReference>?

    package init(
        vault: KeyVault, environment: EnvironmentKeys, globalFallback: Bool, uses: UseRecorder<KeyReference>? = nil
    ) {
        self.vault = vault
        self.environment = environment
        self.globalFallback = globalFallback
        self.uses = uses
    }

    /// The same, for whom no key but the user's own may be served.
    package var ownKeysOnly: KeyResolver {
        KeyResolver(vault: vault, environment: environment, globalFallback: false, uses: uses)
    }

    package enum Source: String, Sendable { case user, global, environment }

    /// What a key is opened for; the audit event says it.
    package enum Purpose: Sendable {
        case handOut, gateway

        /// - Parameter token: the access token it is opened by.
        func detail(_ source: Source, by token: String?) -> String {
            let word =
                switch self {
                case .handOut: source.rawValue
                case .gateway: "gateway_\(source.rawValue)"
                }
            return token.map { "\(word) token \($0)" } ?? word
        }
    }

    package struct Resolved: ~Copyable, Sendable {
        package let source: Source
        package let provider: Provider
        package let name: KeyName
        package let verdict: Verdict
        package let credential: Credential
    }

    /// - Parameter name: nil means the key named `default`, and only that one may be replaced by the global key: who
    ///   names a key wants that key.
    /// - Throws: `key_not_found`; `key_invalid`, `key_expired` for a user's own key that is there but cannot serve, which
    ///   is never silently replaced by somebody else's; `integrity`.
    package func resolve(
        user: UserID, provider: Provider, name: KeyName?, by caller: Caller, for purpose: Purpose = .handOut
    ) async throws -> Resolved {
        // Also where a global key serves, the log says for whom.
        var caller = caller
        caller.actor.id = user.text
        let name = name ?? .default
        let own = KeyReference(.user(user), provider.id, name)
        if let resolved = try await serveIfThere(own, source: .user, provider: provider, by: caller, purpose) {
            return resolved
        }
        guard name == .default, try await allowsFallback(user) else { throw KeyVault.notFound(own) }
        let global = KeyReference(.global, provider.id, .default)
        if let resolved = try await serveIfThere(global, source: .global, provider: provider, by: caller, purpose) {
            return resolved
        }
        guard let secret = environment[provider.id] else { throw KeyVault.notFound(own) }
        let baseURL = try provider.baseURL(fields: [:])
        try await vault.store.append(
            AuditEvent(
                at: vault.clock.now(), actor: caller.actor, action: .keyUse, owner: .user(user), provider: provider.id,
                name: name, detail: purpose.detail(.environment, by: caller.tokenID), requestID: caller.requestID))
        return Resolved(
            source: .environment, provider: provider, name: name, verdict: .unknown,
            credential: Credential(
                baseURL: baseURL, expiresAt: nil, fields: [:], kind: .apiKey,
                secret: secret.secret.copy()))
    }

    /// - Returns: nil when there is no such row.
    private func serveIfThere(
        _ reference: KeyReference, source: Source, provider: Provider, by caller: Caller, _ purpose: Purpose
    ) async throws -> Resolved? {
        var fresh = false
        for _ in 0..<8 {
            guard let use = try await vault.store.keyForUse(reference, fresh: fresh) else { return nil }
            do {
                return try await serve(
                    use, as: reference, source: source, provider: provider, by: caller, purpose)
            } catch is StaleKey {
                fresh = true
            }
        }
        throw LatchkeyError(.storeUnavailable, "this key is being changed all the time", hint: "try again")
    }

    private func serve(
        _ use: KeyForUse, as reference: KeyReference, source: Source, provider: Provider, by caller: Caller,
        _ purpose: Purpose
    ) async throws -> Resolved {
        let now = vault.clock.now()
        var verdict = use.key.verdict
        let credential = try await vault.open(
            use, as: reference, by: caller, detail: purpose.detail(source, by: caller.tokenID)
        ) { credential in
            // The expiry that counts is the sealed one: the column beside it is for display.
            if let expiresAt = credential.expiresAt, now.unixSeconds >= expiresAt { verdict = .expired }
            guard !verdict.mayServe else { return nil }
            return LatchkeyError(
                verdict == .expired ? .keyExpired : .keyInvalid,
                "the \(source.rawValue) key named \(reference.name.text) for \(provider.id.text) is \(verdict.rawValue)",
                hint: "set a working key, or delete this one")
        }
        uses?.note(reference, at: now)
        return Resolved(
            source: source, provider: provider, name: reference.name, verdict: verdict, credential: credential)
    }

    package func allowsFallback(_ user: UserID) async throws -> Bool {
        guard globalFallback else { return false }
        return try await vault.store.setting(.globalFallback, of: user) ?? true
    }
}

extension KeyResolver {
    /// Which key would serve a call now, and why, without opening anything.
    package struct Serving: Sendable, Equatable {
        package var source: Source?
        package var name: KeyName?
        package var verdict: Verdict?
        package var reason: String
    }

    /// - Parameters:
    ///   - own: the user's rows; `global`: the global rows.
    ///   - fallback: what `allowsFallback` said.
    package func serving(
        _ provider: ProviderID, own: [UserAPIKey], global: [UserAPIKey], fallback: Bool, at now: Timestamp
    ) -> Serving {
        if let row = own.first(where: { $0.provider == provider && $0.name == .default }) {
            let verdict = row.verdict(at: now)
            return Serving(
                source: .user, name: row.name, verdict: verdict,
                reason: verdict.mayServe
                    ? "your own key" : "your own key is \(verdict.rawValue) and nothing replaces it")
        }
        guard fallback else { return Serving(reason: "no key of your own, and the fallback is switched off") }
        if let row = global.first(where: { $0.provider == provider && $0.name == .default }) {
            let verdict = row.verdict(at: now)
            return Serving(
                source: .global, name: row.name, verdict: verdict,
                reason: verdict.mayServe ? "the global key" : "the global key is \(verdict.rawValue)")
        }
        if environment[provider] != nil {
            return Serving(source: .environment, reason: "a key from the service's environment")
        }
        return Serving(reason: "no key")
    }
}
