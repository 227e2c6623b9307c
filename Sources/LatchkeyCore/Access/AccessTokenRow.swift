package import LatchkeyCrypto

/// One access token as its row says it: unverified. What it grants is read after its MAC was checked (`grant(under:)`).
///
/// The lists are kept as the texts of their columns, because the MAC is over those.
package struct AccessTokenRow: Sendable, Equatable {
    package var id: String
    /// The `user_id` column: empty for a token of the service.
    package var userID: [UInt8]
    package var label: String
    /// 32 bytes; another number of them where the column cannot be read.
    package var secretHash: [UInt8]
    package var scopes: String
    package var providers: String
    package var models: String
    package var networks: String
    package var limits: String
    package var createdAt: Timestamp
    package var expiresAt: Timestamp?
    package var revokedAt: Timestamp?
    /// The token that was made when this one was rolled.
    package var replacedBy: String?
    package var rootKid: UInt32
    package var rowVersion: UInt64
    package var mac: [UInt8]
    /// A courtesy, and the one column that the MAC leaves out.
    package var lastUsedAt: Timestamp?

    package init(
        id: String, userID: [UInt8], label: String, secretHash: [UInt8], scopes: String, providers: String,
        models: String, networks: String, limits: String, createdAt: Timestamp, expiresAt: Timestamp?,
        revokedAt: Timestamp?, replacedBy: String?, rootKid: UInt32, rowVersion: UInt64, mac: [UInt8],
        lastUsedAt: Timestamp?
    ) {
        self.id = id
        self.userID = userID
        self.label = label
        self.secretHash = secretHash
        self.scopes = scopes
        self.providers = providers
        self.models = models
        self.networks = networks
        self.limits = limits
        self.createdAt = createdAt
        self.expiresAt = expiresAt
        self.revokedAt = revokedAt
        self.replacedBy = replacedBy
        self.rootKid = rootKid
        self.rowVersion = rowVersion
        self.mac = mac
        self.lastUsedAt = lastUsedAt
    }

    /// Whose it claims to be: decides under whose key its MAC is checked. nil where that can be nobody.
    package var owner: KeyOwner? {
        if userID.isEmpty { return .global }
        return (try? UserID(userID)).map { .user($0) }
    }

    /// Whether keys are handed out to it, by its own word.
    package var mayResolve: Bool { GrantText.scopes(scopes)?.contains(.resolve) ?? true }
}

// The MAC (docs/record-format.md, "Access tokens")
extension AccessTokenRow {
    /// Every column but the MAC itself and `last_used_at`.
    var context: DerivationContext {
        DerivationContext(
            "access-token",
            [
                Array(id.utf8), userID, Array(label.utf8), secretHash, Array(scopes.utf8), Array(providers.utf8),
                Array(models.utf8), Array(networks.utf8), Array(limits.utf8), Self.bytes(createdAt),
                Self.bytes(expiresAt), Self.bytes(revokedAt), Array((replacedBy ?? "").utf8), Self.bytes(rootKid),
                Self.bytes(rowVersion),
            ])
    }

    /// The row under a MAC made now.
    package func sealed(under key: GrantKey) -> AccessTokenRow {
        var row = self
        row.rootKid = key.kid
        row.mac = key.mac(row.context)
        return row
    }

    /// Whether nobody but a holder of the root wrote this row.
    package func holds(under key: GrantKey) -> Bool { key.kid == rootKid && key.verifies(mac, of: context) }

    /// Microseconds since 1970, BE64 in two's complement; nothing for a time that is not set.
    private static func bytes(_ time: Timestamp?) -> [UInt8] {
        time.map { bytes(UInt64(bitPattern: $0.microseconds)) } ?? []
    }

    private static func bytes(_ number: some FixedWidthInteger) -> [UInt8] {
        withUnsafeBytes(of: number.bigEndian) { Array($0) }
    }
}

extension AccessTokenRow {
    /// What the row grants, once its MAC was checked.
    ///
    /// - Returns: nil when it does not hold, or says something that this program would not have written.
    package func grant(under key: GrantKey) -> AccessGrant? {
        guard holds(under: key), let owner, AccessToken.isID(id), secretHash.count == 32,
            let scopes = GrantText.scopes(scopes), let providers = GrantText.providers(providers),
            let models = GrantText.models(models), let networks = GrantText.networks(networks),
            let limits = GrantText.limits(limits)
        else { return nil }
        let holder: AccessGrant.Holder =
            switch owner {
            case .user(let user): .user(user)
            case .global: .service
            }
        return AccessGrant(
            id: id, holder: holder, scopes: scopes, providers: providers, models: models, limits: limits,
            networks: networks, expiresAt: expiresAt)
    }
}
