package import LatchkeyCrypto
package import Logging

/// Access tokens made, shown, revoked and rolled; `AccessTokens+Verify.swift` holds what each use asks.
///
/// A row is believed only under its MAC. None that does not hold is ever given a new one: that would make whatever
/// somebody wrote into it ours.
package struct AccessTokens: AccessTokenVerifier {
    package let store: any AccessTokenStore
    package let vault: KeyVault
    /// To be run beside the service, and flushed at its end.
    package let uses: UseRecorder<UsedAccessToken>
    let cache = GrantCache<AccessGrant>()
    let spoilt = SpoiltRows()
    let logger: Logger

    /// How many tokens that work may there be at once.
    package static let mostOfAUser = 100
    package static let mostOfTheService = 1000
    /// The longest list: what was revoked or expired stays in it until newer ones push it out.
    static let longestList = 1000
    /// Seconds for which a token that was rolled works on.
    package static let defaultOverlap: Int64 = 24 * 3600
    package static let longestOverlap: Int64 = 7 * 24 * 3600

    /// - Parameter vault: whose roots, clock, audit log and policy are used.
    package init(store: any AccessTokenStore, vault: KeyVault, logger: Logger = Logger(label: "latchkey")) {
        self.store = store
        self.vault = vault
        self.logger = logger
        uses = UseRecorder(store: store, logger: logger)
        store.observeAccessTokens { [cache] id in
            if let id { cache.forget(id) } else { cache.forgetAll() }
        }
    }

    /// A new token and its row. The text is not kept anywhere.
    package struct Made: Sendable {
        package let row: AccessTokenRow
        package let text: SharedSecret
    }

    /// - Throws: what `AccessTokenRequest.check` throws; `invalid_token` when there are too many; `keyset_disagreement`.
    package func create(
        _ request: AccessTokenRequest, of owner: KeyOwner, by caller: Caller
    ) async throws -> Made {
        try vault.policy.checkWritable()
        let now = vault.clock.now()
        try request.check(vault.catalogue, at: now)
        let key = try await grantKey(owner, kid: vault.sealing.keyring.primary)
        let token = AccessToken()
        let row = AccessTokenRow(
            id: token.id, userID: Array(owner.column.utf8), label: request.label,
            secretHash: key.hash(Self.secretLabel, id: token.id, secret: token.secret),
            scopes: GrantText.text(request.scopes), providers: GrantText.text(request.providers),
            models: GrantText.text(request.models), networks: GrantText.text(request.networks),
            limits: GrantText.text(request.limits), createdAt: now, expiresAt: request.expiresAt, revokedAt: nil,
            replacedBy: nil, rootKid: key.kid, rowVersion: 1, mac: [], lastUsedAt: nil
        ).sealed(under: key)
        try await store.addAccessToken(
            row, of: owner, limit: Self.most(of: owner), now: now,
            event: event(.tokenCreate, owner, caller, at: now, detail: row.id))
        return Made(row: row, text: token.text())
    }

    /// Makes a token useless, on this node at once and on every other within a second. A row that does not hold is
    /// deleted: it granted nothing.
    ///
    /// - Returns: the row as it is then, or nil when it was deleted.
    /// - Throws: `token_not_found`.
    @discardableResult
    package func revoke(_ id: String, of owner: KeyOwner, by caller: Caller) async throws -> AccessTokenRow? {
        let key = try await key(ofRow: id, of: owner)
        let now = vault.clock.now()
        let done = try await store.changeAccessToken(
            id, of: owner, limit: Self.most(of: owner), now: now,
            event: event(.tokenRevoke, owner, caller, at: now, detail: id)
        ) { row in
            guard let key, row.holds(under: key) else { return .deleted }
            guard row.revokedAt == nil else { return .unchanged(row) }
            var row = row
            row.revokedAt = now
            try row.countUp()
            return .changed(row.sealed(under: key))
        }
        cache.forget(id)
        switch done {
        case .changed(let row), .unchanged(let row), .rolled(let row, _): return row
        case .deleted: return nil
        case nil: throw Self.notFound
        }
    }

    /// Makes a token with a new id and a new secret that grants the same; the old one works on for `overlap` seconds.
    ///
    /// - Parameter expiresAt: of the new token; nil: the old one's.
    /// - Throws: `token_not_found`; `invalid_token` for one that is revoked, expired or rolled already, and for an
    ///   overlap out of range; `invalid_expiry`; `integrity`.
    package func roll(
        _ id: String, of owner: KeyOwner, overlap: Int64 = defaultOverlap, expiresAt: Timestamp? = nil,
        by caller: Caller, permit: @escaping @Sendable (AccessTokenRow) throws -> Void = { _ in }
    ) async throws -> Made {
        try vault.policy.checkWritable()
        let now = vault.clock.now()
        guard (0...Self.longestOverlap).contains(overlap) else {
            throw LatchkeyError(.invalidToken, "the overlap is not from 0 to \(Self.longestOverlap) seconds")
        }
        try AccessTokenRequest.check(expiresAt, at: now)
        let old = try await key(ofRow: id, of: owner)
        let new = try await grantKey(owner, kid: vault.sealing.keyring.primary)
        let token = AccessToken()
        let newID = token.id
        let hash = new.hash(Self.secretLabel, id: newID, secret: token.secret)
        let done = try await store.changeAccessToken(
            id, of: owner, limit: Self.most(of: owner), now: now,
            event: event(.tokenRoll, owner, caller, at: now, detail: "\(id) \(newID)")
        ) { row in
            guard let old, row.holds(under: old) else { throw Self.integrity }
            try permit(row)
            guard row.isLive(at: now), row.replacedBy == nil else {
                throw LatchkeyError(.invalidToken, "the token is revoked, expired or rolled already")
            }
            let end = now.advanced(bySeconds: overlap)
            var changed = row
            changed.expiresAt = min(row.expiresAt ?? end, end)
            changed.replacedBy = newID
            try changed.countUp()
            var successor = row
            successor.id = newID
            successor.secretHash = hash
            successor.createdAt = now
            successor.expiresAt = expiresAt ?? row.expiresAt
            successor.lastUsedAt = nil
            successor.rowVersion = 1
            return .rolled(changed.sealed(under: old), successor: successor.sealed(under: new))
        }
        cache.forget(id)
        guard case .rolled(_, let successor)? = done else { throw Self.notFound }
        return Made(row: successor, text: token.text())
    }

    private static func most(of owner: KeyOwner) -> Int { owner == .global ? mostOfTheService : mostOfAUser }

    private func event(
        _ action: AuditEvent.Action, _ owner: KeyOwner, _ caller: Caller, at now: Timestamp, detail: String
    ) -> AuditEvent {
        AuditEvent(
            at: now, actor: caller.actor, action: action, owner: owner, detail: detail, requestID: caller.requestID)
    }

    static let secretLabel = "access-token-secret"
    package static let notFound = LatchkeyError(.tokenNotFound, "there is no such access token")
    static let integrity = LatchkeyError(
        .integrity, "the stored access token is not as it was written", hint: "revoke it and make another one")
}

// Keys
extension AccessTokens {
    func grantKey(_ owner: KeyOwner, kid: UInt32) async throws -> GrantKey {
        try await vault.sealing.keyring.grantKey(owner, kid: kid)
    }

    /// The key of a row's owner under the root that the row names; nil where this node does not have that root.
    func grantKey(of row: AccessTokenRow, _ owner: KeyOwner) async throws -> GrantKey? {
        try await vault.sealing.keyring.grantKeyIfKnown(owner, kid: row.rootKid)
    }

    /// The same for the row of that id, before it is changed. A change that comes between does not hold under it.
    ///
    /// - Throws: `token_not_found`.
    private func key(ofRow id: String, of owner: KeyOwner) async throws -> GrantKey? {
        guard AccessToken.isID(id), let row = try await store.accessToken(id), row.owner == owner else {
            throw Self.notFound
        }
        return try await grantKey(of: row, owner)
    }
}

extension AccessTokenRow {
    /// Neither revoked nor expired.
    package func isLive(at now: Timestamp) -> Bool { revokedAt == nil && (expiresAt.map { now < $0 } ?? true) }

    /// - Throws: `integrity` for a version that nobody ever wrote.
    fileprivate mutating func countUp() throws(LatchkeyError) {
        let (next, overflow) = rowVersion.addingReportingOverflow(1)
        guard !overflow, next <= UInt64(Int64.max) else { throw AccessTokens.integrity }
        rowVersion = next
    }
}
