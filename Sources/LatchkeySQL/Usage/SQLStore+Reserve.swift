package import LatchkeyCore

// Permission before a call: one transaction, and where a token is used for the first time two.
extension SQLStore {
    package func reserve(_ hold: UsageHold) async throws -> Bool {
        let dialect = driver.dialect
        let evidence = SQLEvidence(
            UsageStatements.findReservation, [.utf8(hold.user.bytes), .text(hold.reservation.id)])
        // SQLite has one writer: nobody need be kept out.
        for adds in dialect == .sqlite ? [true] : [false, true] {
            let outcome = try await driver.transaction(evidence: evidence) { transaction in
                let counting = BudgetCounting(transaction: transaction, dialect: dialect)
                return try Reserving(hold: hold, counting: counting, adds: adds).run()
            }
            switch outcome {
            case .held: return true
            case .unlimited: return false
            case .refused(let error): throw error
            case .mustAdd: continue
            }
        }
        throw LatchkeyError(.storeUnavailable, "the budgets of this call could not be counted", hint: "try again")
    }
}

private struct Reserving {
    let hold: UsageHold
    let counting: BudgetCounting
    let adds: Bool

    enum Outcome: Sendable {
        case held
        case unlimited
        /// A value and not an error, so that what was found of new windows is kept.
        case refused(LatchkeyError)
        /// A counter is missing, and others were not kept out.
        case mustAdd
    }

    private struct Row {
        var row: BudgetRow
        var isNew = false
        var isChanged = false
    }

    func run() throws -> Outcome {
        try counting.begin(adding: adds)
        if counting.dialect == .postgresql { try counting.transaction.send(UsageLocks.relax, []) }
        guard var rows = try rows() else { return .mustAdd }
        guard !rows.isEmpty else { return .unlimited }
        // A node whose clock is behind counts in the window that the others are in already.
        let at = rows.reduce(hold.at) { max($0, $1.row.window.start) }
        for index in rows.indices {
            let window = UsageWindow(rows[index].row.budget.limit.period, at: at)
            guard rows[index].row.window.start < window.start else { continue }
            try counting.move(&rows[index].row, to: window)
            rows[index].isChanged = true
        }
        let amounts = hold.amounts
        let refusing = rows.map(\.row).filter { !$0.allows(amounts[$0.budget.limit.metric]) }
        if refusing.isEmpty {
            for index in rows.indices {
                let amount = amounts[rows[index].row.budget.limit.metric]
                rows[index].row.reserved = BudgetRow.sum(rows[index].row.reserved, amount)
                rows[index].isChanged = true
            }
            try counting.transaction.send(UsageStatements.insertReservation, values(at: at))
        }
        for row in rows where row.isNew || row.isChanged {
            if row.isNew { try counting.insert(row.row, at: at) } else { try counting.update(row.row, at: at) }
        }
        // The one that begins anew last: until then trying again is of no use.
        guard let last = refusing.max(by: { $0.window.end < $1.window.end }) else { return .held }
        return .refused(last.refusal(at: at))
    }

    /// Everything that limits the call, locked in the order of the primary key: a service's token has no owner, and an
    /// empty one comes first.
    ///
    /// - Returns: nil when a counter is missing and may not be added.
    private func rows() throws -> [Row]? {
        var subjects: [BudgetSubject] = [.user, .key(hold.provider, hold.keyName)]
        var found: [BudgetRow] = []
        if let token = hold.token {
            if token.holder == nil {
                found += try counting.rows(of: [UInt8](), [.token(token.id)])
            } else {
                subjects.append(.token(token.id))
            }
        }
        found += try counting.rows(of: hold.user.bytes, subjects)
        guard let token = hold.token else { return found.map { Row(row: $0) } }
        // What the token grants is what counts, not what was kept of it.
        var rows = found.filter { $0.budget.setBy != .grant }.map { Row(row: $0) }
        for budget in token.budgets {
            if var row = found.first(where: { $0.budget.id == budget.id }) {
                row.budget = budget
                rows.append(Row(row: row))
            } else {
                guard adds else { return nil }
                let never = UsageWindow(budget.limit.period, at: .distantPast)
                rows.append(Row(row: BudgetRow(budget, window: never), isNew: true))
            }
        }
        return rows
    }

    /// Of `UsageStatements.insertReservation`.
    private func values(at time: Timestamp) -> [SQLValue] {
        let tokens = hold.tokens.bounded
        return [
            .utf8(hold.user.bytes), .text(hold.reservation.id), .text(time.sql), .text(hold.provider.text),
            .text(hold.keyName.text), SQLValue(hold.token?.id), SQLValue(hold.model), SQLValue(tokens.input),
            SQLValue(tokens.output), SQLValue(hold.cost.map { min(max($0, 0), UsageEvent.mostCost) }),
            SQLValue(hold.requestID), .text(hold.expiresAt.sql),
        ]
    }
}

extension UsageHold.Token {
    /// One for each metric and period: of two limits on the same the smaller one.
    fileprivate var budgets: [Budget] {
        var smallest: [BudgetID: Budget] = [:]
        for limit in limits {
            let budget = Budget(user: holder, subject: .token(id), limit: limit, setBy: .grant)
            if let other = smallest[budget.id], other.limit.amount <= limit.amount { continue }
            smallest[budget.id] = budget
        }
        return smallest.values.sorted {
            ($0.limit.metric.rawValue, $0.limit.period.rawValue) < ($1.limit.metric.rawValue, $1.limit.period.rawValue)
        }
    }
}

extension BudgetRow {
    fileprivate func refusal(at now: Timestamp) -> LatchkeyError {
        let seconds = (window.end.microseconds - now.microseconds + 999_999) / 1_000_000
        return LatchkeyError(
            .budgetExceeded,
            """
            the budget of \(amountText) per \(budget.limit.period.rawValue) \(whose) \
            \(taken < budget.limit.amount ? "has too little left for this call" : "is used up"); \
            it begins anew at \(window.end.rfc3339)
            """,
            hint: "wait until then, or have the budget raised", retryAfter: max(1, seconds))
    }

    private var amountText: String {
        let amount = budget.limit.amount
        switch budget.limit.metric {
        case .requests: return "\(amount) requests"
        case .tokens: return "\(amount) tokens"
        case .money:
            let (dollars, rest) = amount.quotientAndRemainder(dividingBy: 1_000_000)
            let digits = String(rest)
            return "$\(dollars).\(String(repeating: "0", count: 6 - digits.count))\(digits) of money"
        }
    }

    private var whose: String {
        let by = budget.setBy == .operator ? " (set by the operator)" : ""
        switch budget.subject {
        case .user: return "of this user\(by)"
        case .key(let provider, let name): return "for the key \(name.text) of \(provider.text)\(by)"
        case .token(let id): return "of the access token \(id)"
        }
    }
}
