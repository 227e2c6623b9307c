/// What a call asks of metering: permission before it, and a note of what it used after it.
package protocol UsageLedger: Sendable {
    /// Sets aside what the call may use, in every budget that applies to it, or in none.
    ///
    /// Costs nothing but a look in memory where no budget applies.
    /// - Returns: nil when no budget applies.
    /// - Throws: `budget_exceeded`, which says which budget and when it begins anew; `store_unavailable`.
    func reserve(_ call: PlannedCall) async throws -> UsageReservation?

    /// Notes a call that is over, and settles what was set aside for it. Never waits: it is durable within a second.
    func record(_ event: UsageEvent, settling reservation: UsageReservation?)

    /// Gives back what was set aside for a call that never reached its provider. Never waits.
    func release(_ reservation: UsageReservation)

    /// As `release`, done when this returns: for a call that is about to be reserved for anew.
    func releaseNow(_ reservation: UsageReservation) async

    /// Micro-dollars; nil when the price of the model is not known.
    func cost(of tokens: TokenCounts, provider: ProviderID, model: String?, at time: Timestamp) -> Int64?
}

/// A call that is about to be made.
package struct PlannedCall: Sendable {
    package var user: UserID
    package var provider: ProviderID
    package var keyName: KeyName
    /// The access token that was shown, with its own limits.
    package var grant: AccessGrant?
    package var model: String?
    /// What it will use at most, as far as can be told from the request.
    package var estimate: TokenCounts
    package var requestID: String
    package var at: Timestamp

    package init(
        user: UserID, provider: ProviderID, keyName: KeyName, grant: AccessGrant?, model: String?,
        estimate: TokenCounts, requestID: String, at: Timestamp
    ) {
        self.user = user
        self.provider = provider
        self.keyName = keyName
        self.grant = grant
        self.model = model
        self.estimate = estimate
        self.requestID = requestID
        self.at = at
    }
}

/// What was set aside for one call. It is settled once, by `record` or by `release`; one that never is (the node died)
/// runs out by itself and counts as used.
package struct UsageReservation: Sendable, Equatable {
    package let id: String
    /// Whose rows it is in.
    package let user: UserID

    package init(id: String, user: UserID) {
        self.id = id
        self.user = user
    }
}
