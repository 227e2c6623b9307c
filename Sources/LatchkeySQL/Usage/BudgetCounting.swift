import LatchkeyCore

/// What every transaction on budgets is made of.
///
/// On PostgreSQL, where transactions run side by side, three rules keep a counter equal to the sum of what it counts:
/// 1. Who adds an event or ends a reservation does so first and then locks the counters. Who moves a counter to a new
///    window locks it first and then sums. So the sum holds what was committed before, and what was not is added by its
///    own transaction, which has to wait for the lock.
/// 2. A counter that is not there yet cannot be locked. Who adds one keeps everybody else out first (`UsageLocks`).
/// 3. Rows are locked in the order of the primary key, after that lock: nobody waits in a circle.
struct BudgetCounting {
    let transaction: any SQLTransaction
    let dialect: SQLDialect

    /// - Parameter adding: whether counters may be added.
    func begin(adding: Bool) throws {
        guard dialect == .postgresql else { return }
        try transaction.send(adding ? UsageLocks.exclude : UsageLocks.share, [])
    }

    /// What counts for a call, locked.
    func rows(of owner: [UInt8], _ subjects: [BudgetSubject]) throws -> [BudgetRow] {
        // The statement takes three; one that is named twice is found once.
        let texts = (subjects + [subjects[0], subjects[0]]).prefix(3).map { SQLValue.text($0.text) }
        return try read(BudgetStatements.for(owner).lockSubjects, [.utf8(owner)] + texts)
    }

    /// Everything that counts for some owners, locked.
    func rows(of owners: [[UInt8]]) throws -> [BudgetRow] {
        var rows: [BudgetRow] = []
        // In order, and each once: a part is filled up with its last.
        let owners = owners.sorted { $0.lexicographicallyPrecedes($1) }.map { SQLValue.utf8($0) }
        try BudgetStatements.lockOwners.forEach(owners) { rows += try read($0, $1) }
        return rows
    }

    func row(_ id: BudgetID) throws -> BudgetRow? {
        try read(BudgetStatements.for(id.user?.bytes ?? []).lockOne, BudgetRow.key(id)).first
    }

    private func read(_ statement: SQLStatement, _ values: [SQLValue]) throws -> [BudgetRow] {
        var rows: [BudgetRow] = []
        try transaction.query(statement, values) { row in
            if let row = BudgetRow(row) { rows.append(row) }
        }
        return rows
    }

    /// Moves a counter that is locked, or new, to a window: what was used and is under way in it, from its beginning.
    func move(_ row: inout BudgetRow, to window: UsageWindow) throws {
        row.window = window
        row.warned = []
        row.used = try sum(.events, row)
        row.reserved = try sum(.reservations, row)
    }

    private func sum(_ table: UsageTable, _ row: BudgetRow) throws -> Int64 {
        var sum: Int64 = 0
        try transaction.query(Self.sumStatement(table, row), Self.sumValues(row)) {
            sum = Self.sum($0, row.budget.limit.metric)
        }
        return sum
    }

    func insert(_ row: BudgetRow, at now: Timestamp) throws {
        try transaction.send(BudgetStatements.for(row.owner).insert, row.values(at: now))
    }

    func update(_ row: BudgetRow, at now: Timestamp) throws {
        try transaction.send(BudgetStatements.for(row.owner).update, row.values(at: now))
    }
}

// Sums
extension BudgetCounting {
    static func sumStatement(_ table: UsageTable, _ row: BudgetRow) -> SQLStatement {
        BudgetStatements.sums(of: table, for: row.budget.subject, ofService: row.owner.isEmpty)
    }

    /// The owner or, for a service, the token; the window; what else the subject needs.
    static func sumValues(_ row: BudgetRow) -> [SQLValue] {
        let window: [SQLValue] = [.text(row.window.start.sql), .text(row.window.end.sql)]
        return switch row.budget.subject {
        case .user: [.utf8(row.owner)] + window
        case .key(let provider, let name): [.utf8(row.owner)] + window + [.text(provider.text), .text(name.text)]
        case .token(let id) where row.owner.isEmpty: [.text(id)] + window
        case .token(let id): [.utf8(row.owner)] + window + [.text(id)]
        }
    }

    static func sum(_ row: any SQLRow, _ metric: UsageLimit.Metric) -> Int64 {
        let column =
            switch metric {
            case .requests: 0
            case .tokens: 1
            case .money: 2
            }
        return row.total(column)
    }
}

extension SQLRow {
    /// A sum: 0 over no rows, and the highest number where it does not fit.
    func total(_ column: Int) -> Int64 { integer(column) ?? (text(column) == nil ? 0 : .max) }
}
