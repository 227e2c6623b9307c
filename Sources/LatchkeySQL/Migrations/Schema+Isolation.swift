extension Schema {
    /// PostgreSQL's second wall: a statement that forgot its owner sees nobody's rows.
    ///
    /// A row of a user is there for who has said its user id (`latchkey.user_id`), or that everyone is meant
    /// (`latchkey.scope`), in the same transaction. FORCE: for the tables' owner too. No role may change or remove an
    /// audit event, for there is no policy that lets it; a trigger says so in words.
    static let isolation: [String] =
        ["user_api_keys", "user_settings"].flatMap { table in
            [
                "ALTER TABLE \(table) ENABLE ROW LEVEL SECURITY", "ALTER TABLE \(table) FORCE ROW LEVEL SECURITY",
                "CREATE POLICY own_rows ON \(table) USING (\(isOwn) OR \(isEveryone))",
            ]
        } + [
            "ALTER TABLE audit_events ENABLE ROW LEVEL SECURITY",
            "ALTER TABLE audit_events FORCE ROW LEVEL SECURITY",
            "CREATE POLICY added ON audit_events FOR INSERT WITH CHECK (true)",
            "CREATE POLICY own_events ON audit_events FOR SELECT USING (\(isOwn) OR \(isEveryone))",
        ]

    // The two halves of an OR, each cheap: a setting that was never made is NULL, and that is no row's owner.
    private static let isOwn = "user_id = current_setting('latchkey.user_id', true)"
    private static let isEveryone = "current_setting('latchkey.scope', true) = 'everyone'"
}

/// What a role needs to run the service.
enum Grants {
    /// Gives the role's name as it has to stand in a statement.
    static let find = SQLStatement("grants.role", "SELECT quote_ident(rolname) FROM pg_roles WHERE rolname = $1")

    static let has = SQLStatement("grants.has", "SELECT has_table_privilege($1, $2)")

    static let hasSequence = SQLStatement(
        "grants.has_sequence", "SELECT has_sequence_privilege($1, 'USAGE')")

    static let sequences = [
        "user_api_keys_id_seq", "global_api_keys_id_seq", "audit_events_id_seq", "usage_events_id_seq",
    ]

    static let tables: [(privileges: [String], tables: [String])] = [
        (
            ["SELECT", "INSERT", "UPDATE", "DELETE"],
            ["user_api_keys", "global_api_keys", "user_settings", "access_tokens", "usage_budgets"]
        ), (["SELECT", "INSERT", "DELETE"], ["usage_events", "usage_reservations", "web_sessions"]),
        (["SELECT", "INSERT", "UPDATE"], ["keyset", "deployment_facts", "job_leases"]),
        (["SELECT", "INSERT"], ["audit_events"]), (["SELECT"], ["schema_migrations"]),
    ]

    static func statements(role: String) -> [String] {
        tables.map { privileges, tables in
            "GRANT \(privileges.joined(separator: ", ")) ON \(tables.joined(separator: ", ")) TO \(role)"
        } + [
            "GRANT USAGE, SELECT ON SEQUENCE \(sequences.joined(separator: ", ")) TO \(role)"
        ]
    }
}
