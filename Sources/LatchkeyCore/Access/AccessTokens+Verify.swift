import LatchkeyCrypto
import Logging

extension AccessTokens {
    /// What the token grants now, from there.
    ///
    /// The row's MAC was checked at most a second ago; its expiry and its networks are looked at each time. An unknown id
    /// costs the same work as a known one.
    package func verify(_ text: [UInt8], from address: NetworkAddress?) async throws -> AccessGrant? {
        guard let token = AccessToken(text) else { return nil }
        let found = try await cache.entry(of: token.id, entry)
        let entry = if let found { found } else { try await GrantCache<AccessGrant>.Entry.decoy(vault.sealing.keyring) }
        let hash = entry.key.hash(Self.secretLabel, id: token.id, secret: token.secret)
        guard GrantKey.constantTimeEquals(hash, entry.secretHash), let grant = entry.grant else { return nil }
        let now = vault.clock.now()
        if let expiresAt = grant.expiresAt, now >= expiresAt { return nil }
        guard grant.networks.isEmpty || address.map({ grant.admits($0) }) ?? false else { return nil }
        uses.note(UsedAccessToken(grant), at: now)
        return grant
    }

    @Sendable private func entry(_ id: String) async throws -> GrantCache<AccessGrant>.Entry? {
        let readAt = ContinuousClock.now
        guard let row = try await store.accessToken(id) else { return nil }
        guard let owner = row.owner, let key = try await grantKey(of: row, owner), let grant = row.grant(under: key)
        else {
            await refuseSpoilt(row)
            return nil
        }
        guard row.revokedAt == nil else { return nil }
        return GrantCache.Entry(key: key, secretHash: row.secretHash, grant: grant, readAt: readAt)
    }

    /// Logged and put on record, once a minute for each id: who knows an id must not be able to fill the log with it.
    private func refuseSpoilt(_ row: AccessTokenRow) async {
        guard AccessToken.isID(row.id), spoilt.isNew(row.id) else { return }
        logger.error("an access token was refused: its row is not as it was written", metadata: ["token": "\(row.id)"])
        let event = AuditEvent(
            at: vault.clock.now(), actor: .system, action: .tokenUse, owner: row.owner,
            outcome: ErrorCode.integrity.rawValue, detail: row.id)
        // It is refused whether this is written or not.
        try? await vault.store.append(event)
    }
}

extension AccessGrant {
    /// Whether a token bound to networks may be used from there.
    package func admits(_ address: NetworkAddress) -> Bool {
        networks.isEmpty || networks.contains { $0.contains(address) }
    }
}
