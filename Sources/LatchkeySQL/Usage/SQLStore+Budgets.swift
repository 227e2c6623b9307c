package import LatchkeyCore

extension SQLStore: BudgetStore {
    package func budgets(of user: UserID, at now: Timestamp) async throws -> [BudgetState] {
        try await states(BudgetStatements.selectAll, [.utf8(user.bytes)], at: now)
    }

    package func serviceTokenBudgets(at now: Timestamp, limit: Int) async throws -> [BudgetState] {
        try await states(BudgetStatements.selectServices, [.integer(Int64(max(0, limit)))], at: now)
    }

    private func states(_ statement: SQLStatement, _ values: [SQLValue], at now: Timestamp) async throws
        -> [BudgetState]
    {
        var rows: [BudgetRow] = []
        try await driver.query(statement, values) { row in
            if let row = BudgetRow(row) { rows.append(row) }
        }
        var states: [BudgetState] = []
        for row in rows {
            let window = UsageWindow(row.budget.limit.period, at: now)
            states.append(row.window.start >= window.start ? row.state : try await state(of: row, in: window))
        }
        return states
    }

    /// Of a budget whose counter has not moved to the window yet.
    private func state(of row: BudgetRow, in window: UsageWindow) async throws -> BudgetState {
        var row = row
        row.window = window
        row.warned = []
        let metric = row.budget.limit.metric
        let values = BudgetCounting.sumValues(row)
        var sums: [UsageTable: Int64] = [:]
        for table in UsageTable.allCases {
            try await driver.query(BudgetCounting.sumStatement(table, row), values) {
                sums[table] = BudgetCounting.sum($0, metric)
            }
        }
        row.used = sums[.events] ?? 0
        row.reserved = sums[.reservations] ?? 0
        return row.state
    }

    package func budgetSubjects(of user: UserID) async throws -> [BudgetSubject] {
        var subjects: [BudgetSubject] = []
        try await driver.query(BudgetStatements.selectSubjects, [.utf8(user.bytes)]) { row in
            if let subject = row.text(0).flatMap({ BudgetSubject(text: $0) }) { subjects.append(subject) }
        }
        return subjects
    }

    package func hasBudgets() async throws -> Bool {
        var found = false
        try await driver.query(BudgetStatements.any, []) { _ in found = true }
        return found
    }

    @discardableResult
    package func putBudget(_ budget: Budget, at now: Timestamp, event: AuditEvent) async throws -> BudgetState {
        try BudgetBounds.check(budget)
        let owner = budget.user?.bytes ?? []
        let dialect = driver.dialect
        let state = try await driver.transaction(evidence: AuditStatements.evidence(event)) { transaction in
            let counting = BudgetCounting(transaction: transaction, dialect: dialect)
            try counting.begin(adding: true)
            let existing = try counting.row(budget.id)
            if existing == nil { try Self.checkCount(owner, in: transaction) }
            var row = existing ?? BudgetRow(budget, window: UsageWindow(budget.limit.period, at: .distantPast))
            row.budget = budget
            row.warned = []
            let window = UsageWindow(budget.limit.period, at: now)
            if row.window.start < window.start { try counting.move(&row, to: window) }
            if existing == nil { try counting.insert(row, at: now) } else { try counting.update(row, at: now) }
            try transaction.send(AuditStatements.insert, AuditStatements.values(event))
            return row.state
        }
        changedBudgets(of: budget.user)
        return state
    }

    private static func checkCount(_ owner: [UInt8], in transaction: any SQLTransaction) throws {
        var count: Int64 = 0
        try transaction.query(BudgetStatements.count, [.utf8(owner)]) { count = $0.integer(0) ?? 0 }
        guard count < Int64(BudgetBounds.mostOfUser) else {
            throw LatchkeyError(
                .invalidLimit, "the user has \(count) budgets, which is as many as there can be",
                hint: "delete one first")
        }
    }

    package func deleteBudget(_ id: BudgetID, event: AuditEvent) async throws -> Bool {
        let dialect = driver.dialect
        let isDeleted = try await driver.transaction(evidence: AuditStatements.evidence(event)) { transaction in
            try BudgetCounting(transaction: transaction, dialect: dialect).begin(adding: true)
            guard try transaction.execute(BudgetStatements.delete, BudgetRow.key(id)) > 0 else { return false }
            try transaction.send(AuditStatements.insert, AuditStatements.values(event))
            return true
        }
        if isDeleted { changedBudgets(of: id.user) }
        return isDeleted
    }

    package func expiredReservations(at now: Timestamp, limit: Int) async throws -> [UsageReservation] {
        var found: [UsageReservation] = []
        try await driver.query(UsageStatements.expired, [.text(now.sql), .integer(Int64(max(0, limit)))]) { row in
            guard let user = row.bytes(0).flatMap({ try? UserID($0) }), let id = row.text(1) else { return }
            found.append(UsageReservation(id: id, user: user))
        }
        return found
    }

    package func forgetTokenBudgets(unusedSince time: Timestamp) async throws {
        try await driver.execute(BudgetStatements.forget, [.text(time.sql)])
    }
}

// Changes that other nodes hear of
extension SQLStore {
    private static var change: String { "usage_budgets\u{1F}" }

    private func changedBudgets(of user: UserID?) {
        driver.changes?.announce(Self.change + (user?.text ?? ""))
    }

    package func observeBudgets(_ body: @escaping @Sendable (UserID?) -> Void) {
        driver.changes?.observe(
            SQLChangeObserver(
                changed: { change in
                    guard change.utf8.starts(with: Self.change.utf8) else { return }
                    body(try? UserID(change.utf8.dropFirst(Self.change.utf8.count)))
                },
                missed: { body(nil) }))
    }
}

extension Timestamp {
    /// Before every window that is counted in.
    static let distantPast = Timestamp(microseconds: 0)
}
