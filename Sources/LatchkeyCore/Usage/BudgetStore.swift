/// Where budgets are kept, and what was used of each. As with `Store`, what a call acknowledges is durable, and any
/// failure of the database is `store_unavailable`.
package protocol BudgetStore: Sendable {
    /// A user's budgets, whoever has set them, those of the user's access tokens included, as they stand at `now`.
    func budgets(of user: UserID, at now: Timestamp) async throws -> [BudgetState]

    /// The budgets of a service's access tokens, as far as a call was made with them.
    func serviceTokenBudgets(at now: Timestamp, limit: Int) async throws -> [BudgetState]

    /// What of a user's is limited, by the user or by an operator. Cheap.
    func budgetSubjects(of user: UserID) async throws -> [BudgetSubject]

    /// Whether any user has a budget.
    func hasBudgets() async throws -> Bool

    /// Sets a budget, new or in place of the one with its id. What was used in the window at `now` counts, from before
    /// too, and it warns anew.
    ///
    /// - Throws: `invalid_limit` for a negative amount, for thresholds that are not 1 to 100 in order, for the budget of
    ///   an access token, which comes with the token, and for one more than `BudgetBounds.mostOfUser`.
    /// - Returns: how it stands.
    @discardableResult
    func putBudget(_ budget: Budget, at now: Timestamp, event: AuditEvent) async throws -> BudgetState

    /// - Returns: false when there is no such budget (then no event is written).
    func deleteBudget(_ id: BudgetID, event: AuditEvent) async throws -> Bool

    /// Sets aside what a call may use in every budget that covers it, or in none.
    ///
    /// - Returns: false when no budget covers it: nothing is set aside then, and nothing is to be settled.
    /// - Throws: `budget_exceeded`.
    func reserve(_ hold: UsageHold) async throws -> Bool

    /// Reservations that were to be settled before `now` and never were.
    func expiredReservations(at now: Timestamp, limit: Int) async throws -> [UsageReservation]

    /// Forgets counters of access tokens that were not used for long; they are made anew when they are needed.
    func forgetTokenBudgets(unusedSince time: Timestamp) async throws

    /// From now on `body` is told whose budgets another node has changed, soon after; nil means that something may have
    /// been missed. Nothing is promised: where nothing can be heard, nothing is told.
    func observeBudgets(_ body: @escaping @Sendable (UserID?) -> Void)
}

package enum BudgetBounds {
    /// What one user can set, or have set for them.
    package static let mostOfUser = 200
    package static let mostWarnings = 10

    /// - Throws: `invalid_limit`.
    package static func check(_ budget: Budget) throws(LatchkeyError) {
        guard budget.limit.amount >= 0 else { throw LatchkeyError(.invalidLimit, "the amount is below zero") }
        guard budget.warnings.count <= mostWarnings, budget.warnings.allSatisfy({ (1...100).contains($0) }),
            zip(budget.warnings, budget.warnings.dropFirst()).allSatisfy({ $0 < $1 })
        else {
            throw LatchkeyError(
                .invalidLimit,
                "warnings are at most \(mostWarnings) percents from 1 to 100, each higher than the one before"
            )
        }
        if case .token = budget.subject {
            throw LatchkeyError(
                .invalidLimit, "the budget of an access token comes with the token",
                hint: "roll the token, or make another one")
        }
        guard budget.user != nil, budget.setBy != .grant else {
            throw LatchkeyError(.invalidLimit, "a budget is a user's")
        }
    }
}

/// What is to be set aside for one call. What never settles becomes an event with these counts, as an estimate.
package struct UsageHold: Sendable, Equatable {
    package var reservation: UsageReservation
    package var at: Timestamp
    package var provider: ProviderID
    package var keyName: KeyName
    package var token: Token?
    package var model: String?
    package var tokens: TokenCounts
    /// Micro-dollars; nil when the price is not known: then no money is set aside.
    package var cost: Int64?
    package var requestID: String?
    package var expiresAt: Timestamp

    /// The access token that was shown.
    package struct Token: Sendable, Equatable {
        package var id: String
        /// nil for a service's.
        package var holder: UserID?
        package var limits: [UsageLimit]

        package init(id: String, holder: UserID?, limits: [UsageLimit]) {
            self.id = id
            self.holder = holder
            self.limits = limits
        }
    }

    package init(
        reservation: UsageReservation, at: Timestamp, provider: ProviderID, keyName: KeyName, token: Token? = nil,
        model: String? = nil, tokens: TokenCounts = TokenCounts(), cost: Int64? = nil, requestID: String? = nil,
        expiresAt: Timestamp
    ) {
        self.reservation = reservation
        self.at = at
        self.provider = provider
        self.keyName = keyName
        self.token = token
        self.model = model
        self.tokens = tokens
        self.cost = cost
        self.requestID = requestID
        self.expiresAt = expiresAt
    }

    package var user: UserID { reservation.user }
    package var amounts: UsageAmounts { UsageAmounts(tokens, cost: cost) }
}
