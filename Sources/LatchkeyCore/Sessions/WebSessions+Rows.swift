import LatchkeyCrypto
import Logging

extension WebSessions {
    /// A row that held when it was read, and whose it is.
    struct Found: Sendable {
        let row: WebSessionRow
        let user: UserID
    }

    /// A new row, sealed, and the key it is under.
    func row(
        _ kind: WebSessionRow.Kind, _ shown: borrowing IdentifiedSecret, of user: UserID, isAdmin: Bool,
        method: String, lasting seconds: Int64
    ) async throws -> (row: WebSessionRow, key: GrantKey) {
        try vault.policy.checkWritable()
        let now = vault.clock.now()
        let keyring = vault.sealing.keyring
        let key = try await keyring.grantKey(.user(user), kid: keyring.primary)
        let row = WebSessionRow(
            id: shown.id, kind: kind, userID: user.bytes,
            secretHash: key.hash(Self.secretLabel(kind), id: shown.id, secret: shown.secret), isAdmin: isAdmin,
            method: method, createdAt: now, expiresAt: now.advanced(bySeconds: seconds), rootKid: key.kid, mac: []
        ).sealed(under: key)
        return (row, key)
    }

    /// The row of that id and kind, if it holds.
    func entry(_ id: String, _ kind: WebSessionRow.Kind) async throws -> GrantCache<Found>.Entry? {
        let readAt = ContinuousClock.now
        guard let row = try await store.webSession(id), row.kind == kind else { return nil }
        guard let user = row.user,
            let key = try await vault.sealing.keyring.grantKeyIfKnown(.user(user), kid: row.rootKid),
            row.holds(under: key)
        else {
            await refuseSpoilt(row)
            return nil
        }
        return GrantCache.Entry(
            key: key, secretHash: row.secretHash, grant: Found(row: row, user: user), readAt: readAt)
    }

    /// What an entry grants to who shows this secret now.
    func open(
        _ entry: GrantCache<Found>.Entry?, with shown: borrowing IdentifiedSecret, as kind: WebSessionRow.Kind
    ) async throws -> (found: Found, key: GrantKey)? {
        let entry = if let entry { entry } else { try await GrantCache<Found>.Entry.decoy(vault.sealing.keyring) }
        let hash = entry.key.hash(Self.secretLabel(kind), id: shown.id, secret: shown.secret)
        guard GrantKey.constantTimeEquals(hash, entry.secretHash), let found = entry.grant,
            vault.clock.now() < end(of: found.row)
        else { return nil }
        return (found, entry.key)
    }

    func session(
        _ found: Found, _ key: GrantKey, _ shown: borrowing IdentifiedSecret
    ) -> WebSession {
        WebSession(
            id: found.row.id, user: found.user, isAdmin: found.row.isAdmin, method: found.row.method,
            createdAt: found.row.createdAt, expiresAt: end(of: found.row),
            csrfToken: Self.csrfToken(key, id: shown.id, secret: shown.secret))
    }

    func event(
        _ action: AuditEvent.Action, _ user: UserID, _ caller: Caller, at now: Timestamp, detail: String
    ) -> AuditEvent {
        AuditEvent(
            at: now, actor: caller.actor, action: action, owner: .user(user), detail: detail,
            requestID: caller.requestID)
    }

    /// An operator who makes sessions shorter means those that are there too.
    private func end(of row: WebSessionRow) -> Timestamp {
        let most = row.kind == .session ? lifetime : Self.codeLifetime
        return min(row.expiresAt, row.createdAt.advanced(bySeconds: most))
    }

    private static func secretLabel(_ kind: WebSessionRow.Kind) -> String {
        kind == .session ? "web-session-secret" : "sign-in-code-secret"
    }

    /// Computed, and not kept: who has the database has no session's token.
    private static func csrfToken(_ key: GrantKey, id: String, secret: borrowing Secret) -> [UInt8] {
        let text = Secret(copying: key.hash("csrf", id: id, secret: secret)).base64URL(after: "")
        return text.withUnsafeBytes { Array($0) }
    }

    /// Logged and put on record, once a minute for each id: who knows an id must not be able to fill the log with it.
    private func refuseSpoilt(_ row: WebSessionRow) async {
        guard IdentifiedSecret.isID(row.id), spoilt.isNew(row.id) else { return }
        logger.error("a session was refused: its row is not as it was written", metadata: ["session": "\(row.id)"])
        let event = AuditEvent(
            at: vault.clock.now(), actor: .system, action: .sessionUse, owner: row.user.map { .user($0) },
            outcome: ErrorCode.integrity.rawValue, detail: row.id)
        // It is refused whether this is written or not.
        try? await vault.store.append(event)
    }
}
