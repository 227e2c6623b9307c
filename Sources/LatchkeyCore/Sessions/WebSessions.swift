package import LatchkeyCrypto
package import Logging

/// Signed-in browsers: begun, asked for at each request, ended; and the one-time codes that begin one.
///
/// A session is a row in the database and a cookie whose secret the row holds a keyed hash of. The row is believed only
/// under its MAC, so whoever can write the database and has no root signs nobody in.
package struct WebSessions: Sendable {
    package let store: any WebSessionStore
    package let vault: KeyVault
    /// Seconds for which a session lasts.
    package let lifetime: Int64
    let cache = GrantCache<Found>()
    let spoilt = SpoiltRows()
    let logger: Logger

    /// How many a user may have at once; one more, and the oldest ends.
    package static let mostOfAUser = 20
    package static let mostCodesOfAUser = 20
    /// A week: a session is not a way to stay signed in for ever.
    package static let longestMinutes: Int64 = 7 * 24 * 60
    /// Seconds for which a one-time code is good.
    package static let codeLifetime: Int64 = 60
    package static let cookiePrefix = Array("lks_".utf8)
    package static let codePrefix = Array("lkc_".utf8)

    /// - Parameters:
    ///   - vault: whose roots, clock, audit log and policy are used.
    ///   - minutes: how long a session lasts; at most `longestMinutes`. Also what holds for those that are there already.
    package init(
        store: any WebSessionStore, vault: KeyVault, minutes: Int64 = 480, logger: Logger = Logger(label: "latchkey")
    ) {
        self.store = store
        self.vault = vault
        self.logger = logger
        lifetime = min(max(minutes, 1), Self.longestMinutes) * 60
        store.observeWebSessions { [cache] id in
            if let id { cache.forget(id) } else { cache.forgetAll() }
        }
    }

    /// A new session. The cookie's value is not kept anywhere.
    package struct Made: Sendable {
        package let cookie: SharedSecret
        package let session: WebSession
    }

    /// Signs a user in who has just been recognised.
    ///
    /// - Parameter method: how: a word of `a-z`, such as `oidc`; it goes to the audit log.
    /// - Throws: `keyset_disagreement`, `store_unavailable`.
    package func create(
        user: UserID, isAdmin: Bool, method: String, by caller: Caller
    ) async throws -> Made {
        let shown = IdentifiedSecret()
        let (row, key) = try await row(.session, shown, of: user, isAdmin: isAdmin, method: method, lasting: lifetime)
        let pushedOut = try await store.addWebSession(
            row, of: user, limit: Self.mostOfAUser, now: row.createdAt,
            event: event(.signIn, user, caller, at: row.createdAt, detail: "\(method) \(row.id)"))
        for id in pushedOut { cache.forget(id) }
        return Made(
            cookie: IdentifiedSecret.text(Self.cookiePrefix, shown.id, shown.secret),
            session: session(Found(row: row, user: user), key, shown))
    }

    /// The session that a cookie's value stands for.
    ///
    /// The row's MAC was checked at most a second ago; whether it has expired is asked each time. An unknown id costs the
    /// same work as a known one.
    ///
    /// - Returns: nil for every cause that is the cookie's: not of the form, unknown, wrong, spoilt, expired, ended.
    /// - Throws: `store_unavailable`.
    package func verify(_ cookie: [UInt8]) async throws -> WebSession? {
        guard let shown = IdentifiedSecret(cookie, prefix: Self.cookiePrefix) else { return nil }
        let entry = try await cache.entry(of: shown.id) { try await self.entry($0, .session) }
        guard let (found, key) = try await open(entry, with: shown, as: .session) else { return nil }
        return session(found, key, shown)
    }

    /// Ends a session: on this node at once, on every other within a second.
    package func end(_ session: WebSession, by caller: Caller) async throws {
        _ = try await store.removeWebSession(
            session.id, kind: .session, of: session.user,
            event: event(.signOut, session.user, caller, at: vault.clock.now(), detail: session.id))
        cache.forget(session.id)
    }

    /// A code that signs a browser in once, within a minute.
    ///
    /// - Throws: `keyset_disagreement`, `store_unavailable`.
    package func makeCode(user: UserID, isAdmin: Bool, by caller: Caller) async throws -> SignInCode {
        let shown = IdentifiedSecret()
        let (row, _) = try await row(
            .code, shown, of: user, isAdmin: isAdmin, method: Self.byCode, lasting: Self.codeLifetime)
        try await store.addWebSession(
            row, of: user, limit: Self.mostCodesOfAUser, now: row.createdAt,
            event: event(.signInCode, user, caller, at: row.createdAt, detail: row.id))
        return SignInCode(
            text: IdentifiedSecret.text(Self.codePrefix, shown.id, shown.secret), expiresAt: row.expiresAt)
    }

    /// Uses a code up and signs its user in. Of many who show it at once, on whichever nodes, one gets a session.
    ///
    /// - Returns: nil for every cause that is the code's: not of the form, unknown, wrong, spoilt, old, used.
    package func redeem(_ code: [UInt8], requestID: String? = nil) async throws -> Made? {
        guard let shown = IdentifiedSecret(code, prefix: Self.codePrefix) else { return nil }
        let entry = try await entry(shown.id, .code)
        guard let (found, _) = try await open(entry, with: shown, as: .code),
            // Who removes it is the one who may use it.
            try await store.removeWebSession(shown.id, kind: .code, of: found.user, event: nil)
        else { return nil }
        let actor: Actor = found.row.isAdmin ? .admin(found.user) : .user(found.user)
        return try await create(
            user: found.user, isAdmin: found.row.isAdmin, method: Self.byCode, by: Caller(actor, requestID: requestID))
    }

    private static let byCode = "code"
}
