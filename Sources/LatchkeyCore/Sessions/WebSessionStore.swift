/// Where sessions of browsers are kept, and the one-time codes that start them. A store never sees a secret, and believes
/// nothing: what a row grants is under a MAC that is made and checked above it.
///
/// As with `Store`, what a call acknowledges is durable, every change writes its event in the same transaction, and any
/// failure of the database is `store_unavailable`, and then nothing was changed.
package protocol WebSessionStore: Sendable {
    /// A row by its public id, of whichever kind and whoever owns it: a cookie is shown before anybody is known.
    func webSession(_ id: String) async throws -> WebSessionRow?

    /// Adds a row. Whatever has expired at `now` is removed on the way, of everybody; and of this user's rows of this kind
    /// the oldest, so that no more than `limit` are left.
    ///
    /// - Returns: the ids of the user's rows that were removed to make room.
    @discardableResult
    func addWebSession(
        _ row: WebSessionRow, of user: UserID, limit: Int, now: Timestamp, event: AuditEvent
    ) async throws -> [String]

    /// - Parameter event: nil for a code that is used up: the session that it starts has an event of its own.
    /// - Returns: whether this call removed it. Of many that ask at once for one row, on whichever nodes, exactly one is
    ///   told so. No event is written by the others.
    func removeWebSession(
        _ id: String, kind: WebSessionRow.Kind, of user: UserID, event: AuditEvent?
    ) async throws -> Bool

    /// From now on `body` is told the id of every row that is removed, here or on another node, soon after; nil means
    /// that something may have been missed. Nothing is promised: where nothing can be heard, nothing is told.
    func observeWebSessions(_ body: @escaping @Sendable (String?) -> Void)
}
