/// Audit events as their user reads them, and checks as they are counted.
enum ActivityStatements {
    static let idColumn = 12

    /// Of whose rows it is; or, where it is of nobody's, who caused it. As the index has it.
    private static let isOwn = "COALESCE(user_id, actor_id) = $1"

    /// All but hand-outs that went well. Word for word what the index says, or it would not be used.
    static let kept = SQLStatement(
        "audit_events.kept",
        """
        SELECT \(AuditStatements.columns), id FROM audit_events
        WHERE \(isOwn) AND id < $2 AND (action <> 'key.use' OR outcome <> 'ok')
        ORDER BY id DESC LIMIT $3
        """, scope: .owner)

    /// Hand-outs that went well, above the id `$2`: no index has them.
    static let uses = SQLStatement(
        "audit_events.uses",
        """
        SELECT \(AuditStatements.columns), id FROM audit_events
        WHERE \(isOwn) AND id > $2 AND id < $3 AND action = 'key.use' AND outcome = 'ok'
        ORDER BY id DESC LIMIT $4
        """, scope: .owner)

    static let lastID = SQLStatement("audit_events.last_id", "SELECT MAX(id) FROM audit_events", scope: .everyone)

    /// The newest event up to an id: when it was, and nothing else of it.
    static let timeBefore = SQLStatement(
        "audit_events.time_before", "SELECT at FROM audit_events WHERE id <= $1 ORDER BY id DESC LIMIT 1",
        scope: .everyone)

    static let checks = SQLStatement(
        "audit_events.checks",
        """
        SELECT provider, outcome, detail, COUNT(*), MIN(at) FROM (
            SELECT provider, outcome, detail, at FROM audit_events
            WHERE action = 'key.check' AND at >= $1 ORDER BY at DESC LIMIT $2
        ) AS newest GROUP BY provider, outcome, detail ORDER BY provider, outcome, detail
        """, scope: .everyone)
}
