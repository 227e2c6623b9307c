import LatchkeyCore

/// Usage events and reservations. What is written is many users' at once and runs for everyone; what a user asks for
/// names the user.
enum UsageStatements {
    /// The columns of an event that are written, in their order.
    static let columns = """
        user_id, event_id, at, day, origin, provider, name, source, token_id, operation, model, input_tokens, \
        output_tokens, cached_tokens, cost, status, duration, first_byte, is_streamed, is_estimated, request_id
        """
    private static let width = 21

    /// Adds so many events, and says which were not there yet.
    static let inserts = [64, 8, 1].map { (rows: $0, statement: insert(rows: $0)) }

    /// Adds one, unless it is there.
    static let insertOne = SQLStatement(
        "usage_events.insert_one",
        """
        INSERT INTO usage_events (\(columns)) VALUES (\((1...width).map { "$\($0)" }.joined(separator: ", ")))
        ON CONFLICT (user_id, event_id) DO NOTHING
        """, scope: .everyone)

    private static func insert(rows: Int) -> SQLStatement {
        let groups = (0..<rows).map { row in
            let marks = (1...width).map { "$\(row * width + $0)" }.joined(separator: ", ")
            return "(\(marks))"
        }
        return SQLStatement(
            "usage_events.insert.\(rows)",
            """
            INSERT INTO usage_events (\(columns)) VALUES \(groups.joined(separator: ", "))
            ON CONFLICT (user_id, event_id) DO NOTHING RETURNING user_id, event_id
            """, scope: .everyone)
    }

    /// Takes back the event that stood for a reservation: its call has come to an end after all.
    static let deleteExpired = SQLStatement(
        "usage_events.delete_expired",
        "DELETE FROM usage_events WHERE user_id = $1 AND event_id = $2 AND is_estimated RETURNING \(counted)",
        scope: .owner)

    /// What of an event or a reservation counts in budgets (`CountedUsage`).
    private static let counted = "user_id, provider, name, token_id, at, input_tokens, output_tokens, cost"

    static let page = SQLStatement(
        "usage_events.page",
        """
        SELECT \(columns), id FROM usage_events WHERE user_id = $1 AND at >= $2 AND (at, id) < ($3, $4)
        ORDER BY at DESC, id DESC LIMIT $5
        """, scope: .owner)

    static let pageOfAll = SQLStatement(
        "usage_events.page_of_all",
        """
        SELECT \(columns), id FROM usage_events WHERE at >= $1 AND (at, id) < ($2, $3)
        ORDER BY at DESC, id DESC LIMIT $4
        """, scope: .everyone)
}

// Sums
extension UsageStatements {
    private static let sums = """
        COUNT(*), \(sum("input_tokens")), \(sum("output_tokens")), \(sum("cached_tokens")), \
        \(sum("cost")), SUM(CASE WHEN \(isUnpriced) THEN 1 ELSE 0 END)
        """

    /// A sum that never overflows, which would be an error on SQLite: each half of a number is summed by itself, and where
    /// both together do not fit it is the highest number. NULL over no rows.
    static func sum(_ terms: String...) -> String {
        func sum(_ part: String) -> String {
            let parts = terms.map { "(COALESCE(\($0), 0) \(part))" }
            return "CAST(SUM(\(parts.joined(separator: " + "))) AS BIGINT)"
        }
        let (high, low) = (sum(">> 32"), sum("& 4294967295"))
        return """
            CASE WHEN \(high) + (\(low) >> 32) > 2147483647 THEN 9223372036854775807 ELSE (\(high) << 32) + \(low) END
            """
    }

    private static let isUnpriced = "cost IS NULL AND COALESCE(input_tokens, output_tokens) IS NOT NULL"

    /// By any of the dimensions, for one user (`$1`) or for all; then the range, the limit and the offset.
    static func sums(by dimensions: Set<UsageDimension>, ofUser: Bool) -> SQLStatement {
        let all = UsageDimension.allCases
        let shown = all.map { dimensions.contains($0) ? column($0) : "NULL" }.joined(separator: ", ")
        let names = all.filter(dimensions.contains).map(column).joined(separator: ", ")
        let grouping = names.isEmpty ? "" : "GROUP BY \(names) ORDER BY \(names) "
        let next = ofUser ? 2 : 1
        return SQLStatement(
            "usage_events.sums.\(all.filter(dimensions.contains).map(\.rawValue).joined(separator: "_")).\(ofUser)",
            """
            SELECT \(shown), \(sums) FROM usage_events
            WHERE \(ofUser ? "user_id = $1 AND " : "")at >= $\(next) AND at < $\(next + 1)
            \(grouping)LIMIT $\(next + 2) OFFSET $\(next + 3)
            """, scope: ofUser ? .owner : .everyone)
    }

    /// As `sums`, by provider and model, of what has no price.
    static func unpriced(ofUser: Bool) -> SQLStatement {
        let next = ofUser ? 2 : 1
        return SQLStatement(
            "usage_events.unpriced.\(ofUser)",
            """
            SELECT NULL, NULL, provider, COALESCE(model, ''), NULL, \(sums) FROM usage_events
            WHERE \(ofUser ? "user_id = $1 AND " : "")at >= $\(next) AND at < $\(next + 1) AND \(isUnpriced)
            GROUP BY provider, COALESCE(model, '') ORDER BY COUNT(*) DESC, provider, COALESCE(model, '')
            LIMIT $\(next + 2)
            """, scope: ofUser ? .owner : .everyone)
    }

    /// No model sorts first on one database and last on the other; an empty one first on both.
    private static func column(_ dimension: UsageDimension) -> String {
        switch dimension {
        case .day: "day"
        case .user: "user_id"
        case .provider: "provider"
        case .model: "COALESCE(model, '')"
        case .key: "name"
        }
    }
}

// Reservations
extension UsageStatements {
    static let insertReservation = SQLStatement(
        "usage_reservations.insert",
        """
        INSERT INTO usage_reservations (user_id, id, at, provider, name, token_id, model, input_tokens, output_tokens,
            cost, request_id, expires_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
        """, scope: .owner)

    static let findReservation = SQLStatement(
        "usage_reservations.find", "SELECT 1 FROM usage_reservations WHERE user_id = $1 AND id = $2", scope: .owner)

    /// Ends reservations and gives what they were.
    static let deleteReservations = SQLChunks { count in
        SQLStatement(
            "usage_reservations.delete.\(count)",
            """
            DELETE FROM usage_reservations WHERE id IN (\(SQLChunks.marks(count)))
            RETURNING \(counted), id, model, request_id
            """, scope: .everyone)
    }

    static let expired = SQLStatement(
        "usage_reservations.expired",
        "SELECT user_id, id FROM usage_reservations WHERE expires_at <= $1 ORDER BY expires_at, id LIMIT $2",
        scope: .everyone)
}

/// A statement that takes a list of values, in a few sizes, each prepared once: a list of any length goes in parts, and
/// what is left of the last part is filled up with the last value.
struct SQLChunks: Sendable {
    let statements: [(size: Int, statement: SQLStatement)]

    init(_ make: (Int) -> SQLStatement) { statements = [1, 8, 64].map { ($0, make($0)) } }

    static func marks(_ count: Int) -> String { (1...count).map { "$\($0)" }.joined(separator: ", ") }

    func forEach(_ values: [SQLValue], _ body: (SQLStatement, [SQLValue]) throws -> Void) rethrows {
        var rest = values[...]
        while let last = rest.last {
            let (size, statement) = statements.first { $0.size >= rest.count } ?? statements[statements.count - 1]
            let part = Array(rest.prefix(size))
            rest = rest.dropFirst(size)
            try body(statement, part + Array(repeating: last, count: size - part.count))
        }
    }
}
