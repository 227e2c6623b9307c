import LatchkeyCrypto
import Logging

extension AccessTokens {
    /// What the token grants now, from there.
    ///
    /// The row's MAC was checked at most a second ago; its expiry and its networks are looked at each time. An unknown id
    /// costs the same work as a known one.
    package func verify(_ text: [UInt8], from address: NetworkAddress?) async throws -> AccessGrant? {
        guard let token = AccessToken(text) else { return nil }
        let entry = try await entry(of: token.id)
        let hash = entry.key.hash(Self.secretLabel, id: token.id, secret: token.secret)
        guard GrantKey.constantTimeEquals(hash, entry.secretHash), let grant = entry.grant else { return nil }
        let now = vault.clock.now()
        if let expiresAt = grant.expiresAt, now >= expiresAt { return nil }
        guard grant.networks.isEmpty || address.map({ grant.admits($0) }) ?? false else { return nil }
        uses.note(grant, at: now)
        return grant
    }

    private func entry(of id: String) async throws -> AccessTokenCache.Entry {
        if let entry = cache[id] { return entry }
        // What was forgotten since is read again, and not shared with those who asked before.
        let read = AccessTokenCache.Read(id: id, generation: cache.generation)
        return try await reads.run(read) {
            do { return .success(try await self.entry(read)) } catch { return .failure(error) }
        }.get()
    }

    private func entry(_ read: AccessTokenCache.Read) async throws -> AccessTokenCache.Entry {
        let readAt = ContinuousClock.now
        guard let row = try await store.accessToken(read.id) else { return try await decoy() }
        guard let owner = row.owner, let key = try await grantKey(of: row, owner), let grant = row.grant(under: key)
        else {
            await refuseSpoilt(row)
            return try await decoy()
        }
        guard row.revokedAt == nil else { return try await decoy() }
        let entry = AccessTokenCache.Entry(key: key, secretHash: row.secretHash, grant: grant, readAt: readAt)
        cache.remember(entry, read)
        return entry
    }

    /// What no secret fits.
    private func decoy() async throws -> AccessTokenCache.Entry {
        AccessTokenCache.Entry(
            key: try await grantKey(.global, kid: vault.sealing.keyring.primary),
            secretHash: [UInt8](repeating: 0, count: 32), grant: nil, readAt: .now)
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
