/// What a new access token is to let its bearer do.
package struct AccessTokenRequest: Sendable {
    package var label: String
    package var scopes: Set<AccessGrant.Scope>
    package var providers: [ProviderID]
    package var models: [String]
    package var networks: [Network]
    package var limits: [UsageLimit]
    package var expiresAt: Timestamp?

    package init(
        label: String = "", scopes: Set<AccessGrant.Scope>, providers: [ProviderID] = [], models: [String] = [],
        networks: [Network] = [], limits: [UsageLimit] = [], expiresAt: Timestamp? = nil
    ) {
        self.label = label
        self.scopes = scopes
        self.providers = providers
        self.models = models
        self.networks = networks
        self.limits = limits
        self.expiresAt = expiresAt
    }

    /// A thousand million dollars, tokens or requests: more is a slip.
    package static let largestLimit: Int64 = 1_000_000_000_000_000

    /// - Throws: `invalid_token`, `invalid_label`, `unknown_provider`, `invalid_limit`, `invalid_expiry`.
    func check(_ catalogue: ProviderCatalogue, at now: Timestamp) throws(LatchkeyError) {
        try LabelFormat.check(label)
        guard !scopes.isEmpty else {
            throw LatchkeyError(.invalidToken, "the token has no scope", hint: "name one of \(Self.scopeNames)")
        }
        for list in [providers.count, models.count, networks.count] where list > GrantText.mostWords {
            throw LatchkeyError(.invalidToken, "a list has \(list) entries, at most \(GrantText.mostWords)")
        }
        for provider in providers { _ = try catalogue.provider(named: provider.text) }
        for model in models where !GrantText.isModel(model) {
            throw LatchkeyError(
                .invalidToken,
                "a model is not 1 to \(GrantText.longestModel) visible ASCII characters with at most a star at its end"
            )
        }
        try checkLimits()
        try Self.check(expiresAt, at: now)
    }

    private func checkLimits() throws(LatchkeyError) {
        var seen: Set<String> = []
        for limit in limits {
            guard (0...Self.largestLimit).contains(limit.amount) else {
                throw LatchkeyError(.invalidLimit, "a limit's amount is not from 0 to \(Self.largestLimit)")
            }
            guard seen.insert("\(limit.metric.rawValue)/\(limit.period.rawValue)").inserted else {
                throw LatchkeyError(
                    .invalidLimit, "there are two limits on \(limit.metric.rawValue) per \(limit.period.rawValue)")
            }
        }
    }

    static func check(_ expiresAt: Timestamp?, at now: Timestamp) throws(LatchkeyError) {
        guard let expiresAt, expiresAt <= now else { return }
        throw LatchkeyError(.invalidExpiry, "the token would have expired already")
    }

    package static let scopeNames = AccessGrant.Scope.allCases.map(\.rawValue).joined(separator: ", ")
}
