import LatchkeyCore

/// A row of `usage_budgets` to and from its columns.
struct BudgetRow: Equatable {
    /// The column `user_id`: empty for the token of a service.
    var owner: [UInt8]
    var budget: Budget
    var window: UsageWindow
    var used: Int64
    var reserved: Int64
    var warned: [Int]

    init(_ budget: Budget, window: UsageWindow) {
        owner = budget.user?.bytes ?? []
        self.budget = budget
        self.window = window
        used = 0
        reserved = 0
        warned = []
    }

    /// - Returns: nil for a row that names no budget. A number that cannot be read lets nothing through.
    init?(_ row: any SQLRow) {
        guard let owner = row.bytes(0), let subject = row.text(1).flatMap({ BudgetSubject(text: $0) }),
            let metric = row.text(2).flatMap({ UsageLimit.Metric(rawValue: $0) }),
            let period = row.text(3).flatMap({ UsageLimit.Period(rawValue: $0) }),
            let setBy = row.text(4).flatMap({ Budget.Setter(rawValue: $0) })
        else { return nil }
        let user = owner.isEmpty ? nil : try? UserID(owner)
        guard owner.isEmpty == (user == nil) else { return nil }
        self.owner = owner
        budget = Budget(
            user: user, subject: subject, limit: UsageLimit(metric, per: period, amount: max(0, row.integer(5) ?? 0)),
            setBy: setBy, warnings: Self.percents(row.text(6)))
        window = UsageWindow(period, at: row.timestamp(7) ?? Timestamp(microseconds: 0))
        used = row.integer(8) ?? .max
        reserved = max(0, row.integer(9) ?? .max)
        warned = Self.percents(row.text(10))
    }

    var state: BudgetState {
        BudgetState(budget: budget, used: used, reserved: reserved, window: window, warned: warned)
    }

    var key: [SQLValue] { Self.key(budget.id) }

    static func key(_ id: BudgetID) -> [SQLValue] {
        [
            .utf8(id.user?.bytes ?? []), .text(id.subject.text), .text(id.metric.rawValue), .text(id.period.rawValue),
            .text(id.setBy.rawValue),
        ]
    }

    /// The values of `insert` and `update`, `$1` to `$12`.
    func values(at now: Timestamp) -> [SQLValue] {
        key + [
            .integer(budget.limit.amount), .text(Self.text(budget.warnings)), .text(window.start.sql), .integer(used),
            .integer(reserved), .text(Self.text(warned)), .text(now.sql),
        ]
    }

    private static func percents(_ text: String?) -> [Int] { (text ?? "").split(separator: ",").compactMap { Int($0) } }
    private static func text(_ percents: [Int]) -> String { percents.map(String.init).joined(separator: ",") }
}

// Counting
extension BudgetRow {
    /// Adds without overflow, and never goes below nothing.
    static func sum(_ total: Int64, _ amount: Int64) -> Int64 {
        let (sum, overflow) = total.addingReportingOverflow(amount)
        return overflow ? (amount < 0 ? 0 : .max) : max(0, sum)
    }

    var taken: Int64 { Self.sum(used, reserved) }

    /// Whether so much more may be set aside. Where nothing is left, nothing may, however little.
    func allows(_ amount: Int64) -> Bool {
        taken < budget.limit.amount && Self.sum(taken, amount) <= budget.limit.amount
    }

    /// Marks the thresholds that are crossed now and were not before.
    mutating func cross() -> [BudgetWarning] {
        let crossed = budget.warnings.filter { !warned.contains($0) && used >= budget.level(of: $0) }
        guard !crossed.isEmpty else { return [] }
        warned = (warned + crossed).sorted()
        return crossed.map { BudgetWarning(state: state, threshold: $0) }
    }
}

/// What of an event or a reservation counts in budgets, and in which.
struct CountedUsage: Equatable {
    var owner: [UInt8]
    var provider: ProviderID
    var name: KeyName
    var token: String?
    var at: Timestamp
    var tokens: TokenCounts
    var cost: Int64?

    init(_ event: UsageEvent) {
        owner = event.user.bytes
        provider = event.provider
        name = event.keyName
        token = event.tokenID
        at = event.at
        tokens = event.tokens
        cost = event.cost
    }

    /// The columns of `UsageStatements.counted`.
    init?(_ row: any SQLRow) {
        guard let owner = row.bytes(0), let provider = row.text(1).flatMap({ ProviderID($0) }),
            let name = row.text(2).flatMap({ try? KeyName($0) }), let at = row.timestamp(4)
        else { return nil }
        self.owner = owner
        self.provider = provider
        self.name = name
        token = row.text(3)
        self.at = at
        tokens = TokenCounts(input: row.integer(5), output: row.integer(6))
        cost = row.integer(7)
    }

    var amounts: UsageAmounts { UsageAmounts(tokens, cost: cost) }

    /// Whether it counts in a budget, in whatever window.
    func counts(in row: BudgetRow) -> Bool {
        (row.owner == owner || row.owner.isEmpty) && row.budget.subject.covers(provider, name, token: token)
    }

    /// What it adds to the row's counter in the window that the row is in.
    func amount(in row: BudgetRow) -> Int64 {
        guard counts(in: row), UsageWindow(row.budget.limit.period, at: at) == row.window else { return 0 }
        return amounts[row.budget.limit.metric]
    }
}
