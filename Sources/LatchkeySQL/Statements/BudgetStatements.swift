import LatchkeyCore

/// Budgets, each with its counter. Whoever changes a counter has locked its row first, in the order of the primary key.
enum BudgetStatements {
    /// The columns that `BudgetRow` decodes, in its order.
    static let columns = """
        user_id, subject, metric, period, set_by, amount, warnings, window_start, used, reserved, warned
        """
    private static let order = "user_id, subject, metric, period, set_by"
    private static let one = "user_id = $1 AND subject = $2 AND metric = $3 AND period = $4 AND set_by = $5"

    /// Those of a user and of a service's tokens, whose owner is nobody that row-level security could know.
    struct Owned: Sendable {
        /// What a call with up to three subjects counts in.
        let lockSubjects: SQLStatement
        let lockOne: SQLStatement
        let insert: SQLStatement
        let update: SQLStatement

        fileprivate init(_ name: String, _ scope: SQLStatement.Scope) {
            func statement(_ what: String, _ sql: String, locksRows: Bool = false) -> SQLStatement {
                SQLStatement("usage_budgets.\(what).\(name)", sql, scope: scope, locksRows: locksRows)
            }
            lockSubjects = statement(
                "lock_subjects",
                """
                SELECT \(columns) FROM usage_budgets WHERE user_id = $1 AND subject IN ($2, $3, $4) ORDER BY \(order)
                """, locksRows: true)
            lockOne = statement("lock_one", "SELECT \(columns) FROM usage_budgets WHERE \(one)", locksRows: true)
            insert = statement(
                "insert",
                """
                INSERT INTO usage_budgets (\(columns), updated_at)
                VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
                """)
            update = statement(
                "update",
                """
                UPDATE usage_budgets SET amount = $6, warnings = $7, window_start = $8, used = $9, reserved = $10,
                    warned = $11, updated_at = $12
                WHERE \(one)
                """)
        }
    }

    static let user = Owned("user", .owner)
    static let service = Owned("service", .everyone)

    /// - Parameter owner: the column `user_id`.
    static func `for`(_ owner: [UInt8]) -> Owned { owner.isEmpty ? service : user }

    static let selectAll = SQLStatement(
        "usage_budgets.select_all",
        "SELECT \(columns) FROM usage_budgets WHERE user_id = $1 ORDER BY \(order)", scope: .owner)

    static let selectServices = SQLStatement(
        "usage_budgets.select_services",
        "SELECT \(columns) FROM usage_budgets WHERE user_id = '' ORDER BY \(order) LIMIT $1", scope: .everyone)

    static let selectSubjects = SQLStatement(
        "usage_budgets.select_subjects",
        "SELECT DISTINCT subject FROM usage_budgets WHERE user_id = $1 AND set_by <> 'grant'", scope: .owner)

    static let any = SQLStatement(
        "usage_budgets.any", "SELECT 1 FROM usage_budgets WHERE set_by <> 'grant' LIMIT 1", scope: .everyone)

    static let count = SQLStatement(
        "usage_budgets.count", "SELECT COUNT(*) FROM usage_budgets WHERE user_id = $1 AND set_by <> 'grant'",
        scope: .owner)

    static let delete = SQLStatement("usage_budgets.delete", "DELETE FROM usage_budgets WHERE \(one)", scope: .owner)

    static let forget = SQLStatement(
        "usage_budgets.forget", "DELETE FROM usage_budgets WHERE set_by = 'grant' AND updated_at < $1",
        scope: .everyone)

    /// All of several owners, in the order in which they are locked.
    static let lockOwners = SQLChunks { count in
        SQLStatement(
            "usage_budgets.lock_owners.\(count)",
            "SELECT \(columns) FROM usage_budgets WHERE user_id IN (\(SQLChunks.marks(count))) ORDER BY \(order)",
            scope: .everyone, locksRows: true)
    }

    /// What counts in a budget's window: the sum of a table's rows (`BudgetCounting.sumValues`).
    static func sums(of table: UsageTable, for subject: BudgetSubject, ofService: Bool) -> SQLStatement {
        let (name, condition): (String, String) =
            switch subject {
            case .user: ("user", "user_id = $1")
            case .key: ("key", "user_id = $1 AND provider = $4 AND name = $5")
            case .token where ofService: ("service", "token_id = $1")
            case .token: ("token", "user_id = $1 AND token_id = $4")
            }
        return SQLStatement(
            "\(table.rawValue).count.\(name)",
            """
            SELECT COUNT(*), \(UsageStatements.sum("input_tokens", "output_tokens")), \(UsageStatements.sum("cost"))
            FROM \(table.rawValue) WHERE \(condition) AND at >= $2 AND at < $3
            """, scope: ofService ? .everyone : .owner)
    }
}

/// The two tables whose rows count in budgets: what is over, and what is under way.
enum UsageTable: String, Sendable, CaseIterable {
    case events = "usage_events"
    case reservations = "usage_reservations"
}

/// PostgreSQL only.
enum UsageLocks {
    /// "latchuse" in ASCII.
    private static let key = 0x6C61_7463_6875_7365 as Int64

    /// Taken first by everything that counts, until its transaction ends.
    static let share = SQLStatement("usage.share", "SELECT pg_advisory_xact_lock_shared(\(key))")

    /// Taken first by what adds a counter: it waits until nobody counts who could not see it.
    static let exclude = SQLStatement("usage.exclude", "SELECT pg_advisory_xact_lock(\(key))")

    /// The commit does not wait for the disk. For what is set aside only: where the server falls and forgets it, the call
    /// still counts once it is over.
    static let relax = SQLStatement(
        "usage.relax", "SELECT set_config('synchronous_commit', 'off', true)")
}
