/// Keys as an administrator sees them: everybody's, and of none what is sealed.
enum AdminStatements {
    private static let fails = "verdict IN ('blocked', 'expired', 'invalid')"

    /// By provider and verdict: how many, and how many of them are past their expiry.
    static let userCounts = counts("user_api_keys", .everyone)
    static let globalCounts = counts("global_api_keys", .none)

    private static func counts(_ table: String, _ scope: SQLStatement.Scope) -> SQLStatement {
        SQLStatement(
            "\(table).counts",
            """
            SELECT provider, verdict, COUNT(*), SUM(CASE WHEN expires_at <= $1 THEN 1 ELSE 0 END) FROM \(table)
            GROUP BY provider, verdict ORDER BY provider, verdict
            """, scope: scope)
    }

    static let holderCount = SQLStatement(
        "user_api_keys.holder_count",
        "SELECT COUNT(*) FROM (SELECT DISTINCT user_id FROM user_api_keys) AS holders", scope: .everyone)

    /// The first condition is what the index has, word for word; the second is what is asked for.
    static let failing = SQLStatement(
        "user_api_keys.failing",
        """
        SELECT \(KeyStatements.columns) FROM user_api_keys
        WHERE (\(fails) OR expires_at IS NOT NULL) AND (\(fails) OR expires_at <= $1)
            AND (user_id, provider, name) > ($2, $3, $4)
        ORDER BY user_id, provider, name LIMIT $5
        """, scope: .everyone)

    static let holders = SQLStatement(
        "user_api_keys.holders", holders(condition: "user_id > $2", limit: 3), scope: .everyone)

    static let holdersInRange = SQLStatement(
        "user_api_keys.holders_in_range",
        holders(condition: "user_id > $2 AND user_id >= $3 AND user_id < $4", limit: 5), scope: .everyone)

    /// For a prefix that no id sorts after.
    static let holdersFrom = SQLStatement(
        "user_api_keys.holders_from", holders(condition: "user_id > $2 AND user_id >= $3", limit: 4), scope: .everyone)

    private static func holders(condition: String, limit: Int) -> String {
        """
        SELECT user_id, COUNT(*), SUM(CASE WHEN \(fails) OR expires_at <= $1 THEN 1 ELSE 0 END), MAX(last_used_at)
        FROM user_api_keys WHERE \(condition) GROUP BY user_id ORDER BY user_id LIMIT $\(limit)
        """
    }
}
