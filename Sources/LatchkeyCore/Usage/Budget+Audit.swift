extension AuditEvent {
    package init(budgetSet budget: Budget, at time: Timestamp, actor: Actor, requestID: String? = nil) {
        self.init(.budgetSet, of: budget.id, amount: budget.limit.amount, at: time, actor: actor, requestID: requestID)
    }

    package init(budgetDeleted id: BudgetID, at time: Timestamp, actor: Actor, requestID: String? = nil) {
        self.init(.budgetDelete, of: id, amount: nil, at: time, actor: actor, requestID: requestID)
    }

    private init(
        _ action: Action, of id: BudgetID, amount: Int64?, at time: Timestamp, actor: Actor, requestID: String?
    ) {
        self.init(
            at: time, actor: actor, action: action, owner: id.user.map { .user($0) },
            detail: "\(id.metric.rawValue)/\(id.period.rawValue)" + (amount.map { "=\($0)" } ?? ""),
            requestID: requestID)
        if case .key(let provider, let name) = id.subject {
            self.provider = provider
            self.name = name
        }
    }
}
