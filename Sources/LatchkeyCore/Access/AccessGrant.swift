/// What one access token lets its bearer do. Its MAC was checked before this was made.
package struct AccessGrant: Sendable, Equatable {
    package enum Holder: Sendable, Hashable {
        /// A user's own keys, and nobody else's.
        case user(UserID)
        /// An app's back end: it names the user it acts for.
        case service
    }

    package enum Scope: String, Sendable, CaseIterable {
        /// Calls through the gateway.
        case gateway
        /// Keys handed out.
        case resolve
        /// Which keys there are, and usage; never a key.
        case status
        /// Keys set, checked and deleted, settings changed.
        case manage
    }

    /// The public part of the token: what logs and usage may say.
    package var id: String
    package var holder: Holder
    package var scopes: Set<Scope>
    /// Empty: every provider.
    package var providers: [ProviderID]
    /// Names of models, or beginnings of names that end in `*`. Empty: every model.
    package var models: [String]
    package var limits: [UsageLimit]
    /// Empty: from everywhere.
    package var networks: [Network]
    package var expiresAt: Timestamp?

    package init(
        id: String, holder: Holder, scopes: Set<Scope>, providers: [ProviderID] = [], models: [String] = [],
        limits: [UsageLimit] = [], networks: [Network] = [], expiresAt: Timestamp? = nil
    ) {
        self.id = id
        self.holder = holder
        self.scopes = scopes
        self.providers = providers
        self.models = models
        self.limits = limits
        self.networks = networks
        self.expiresAt = expiresAt
    }

    package func allows(_ provider: ProviderID) -> Bool { providers.isEmpty || providers.contains(provider) }

    /// - Parameter model: nil, where the request names none, is allowed only by a grant for every model.
    package func allows(model: String?) -> Bool {
        guard !models.isEmpty else { return true }
        guard let model else { return false }
        return models.contains { pattern in
            pattern.utf8.last == UInt8(ascii: "*")
                ? model.utf8.starts(with: pattern.utf8.dropLast()) : model.utf8.elementsEqual(pattern.utf8)
        }
    }
}
