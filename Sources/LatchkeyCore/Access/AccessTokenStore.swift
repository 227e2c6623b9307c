/// Where access tokens are kept. A store never sees a secret, and believes nothing: what a row grants is under a MAC that
/// is made and checked above it.
///
/// As with `Store`, what a call acknowledges is durable, every change writes its event in the same transaction, and any
/// failure of the database is `store_unavailable`, and then nothing was changed.
package protocol AccessTokenStore: Sendable {
    /// A row by its public id, whoever owns it: a token is shown before anybody is known.
    func accessToken(_ id: String) async throws -> AccessTokenRow?

    /// The rows of one owner (`global`: the service), newest first.
    func accessTokens(of owner: KeyOwner, limit: Int) async throws -> [AccessTokenRow]

    /// Adds a row of its owner.
    ///
    /// - Parameters:
    ///   - limit: how many live tokens (neither revoked nor expired at `now`) the owner may then have.
    /// - Throws: `invalid_token` when there would be more.
    func addAccessToken(_ row: AccessTokenRow, of owner: KeyOwner, limit: Int, now: Timestamp, event: AuditEvent)
        async throws

    /// Changes one row of its owner, as `change` says, which is given the row as nobody else can change it meanwhile.
    ///
    /// - Parameter limit: as above, where the change has a successor.
    /// - Returns: what was done, or nil when there is no such row (then no event is written).
    func changeAccessToken(
        _ id: String, of owner: KeyOwner, limit: Int, now: Timestamp, event: AuditEvent,
        change: @escaping @Sendable (AccessTokenRow) throws -> AccessTokenChange
    ) async throws -> AccessTokenChange?

    /// Notes when tokens were last used. Not an audit record: it may lag by a flush interval.
    func recordAccessTokenUse(_ uses: [AccessTokenUse]) async throws

    /// From now on `body` is told the id of every token that is changed, here or on another node, soon after; nil means
    /// that something may have been missed. Nothing is promised: where nothing can be heard, nothing is told.
    func observeAccessTokens(_ body: @escaping @Sendable (String?) -> Void)
}

package enum AccessTokenChange: Sendable, Equatable {
    /// The row was changed to this one.
    case changed(AccessTokenRow)
    /// The row was changed and another one added in the same transaction.
    case rolled(AccessTokenRow, successor: AccessTokenRow)
    /// The row is gone: for one that does not hold, whose mending would make it hold.
    case deleted
    /// Nothing was to be done; no event was written.
    case unchanged(AccessTokenRow)
}

package struct AccessTokenUse: Sendable, Equatable {
    package var owner: KeyOwner
    package var id: String
    package var at: Timestamp

    package init(owner: KeyOwner, id: String, at: Timestamp) {
        self.owner = owner
        self.id = id
        self.at = at
    }
}
