extension Schema {
    /// What Latchkey's own pages need.
    static func frontEnd(_ dialect: SQLDialect) -> [String] {
        webSessions(dialect) + pageIndexes(dialect) + (dialect == .postgresql ? nobodysRows : [])
    }

    /// Signed-in browsers, and the one-time codes that sign one in: whose each is and what it may do, under a MAC; of
    /// the secret, a keyed hash alone (docs/record-format.md). A row that is no longer good is deleted.
    private static func webSessions(_ dialect: SQLDialect) -> [String] {
        // SQLite compares bytes by itself; PostgreSQL as the database's locale says.
        let bytewise = dialect == .postgresql ? " COLLATE \"C\"" : ""
        let table = """
            CREATE TABLE web_sessions (
                id VARCHAR(32)\(bytewise) PRIMARY KEY,
                kind VARCHAR(16)\(bytewise) NOT NULL,
                user_id VARCHAR(64)\(bytewise) NOT NULL CHECK (length(user_id) BETWEEN 1 AND 64),
                secret_hash VARCHAR(64) NOT NULL,
                is_admin BOOLEAN NOT NULL,
                method VARCHAR(32) NOT NULL,
                created_at TIMESTAMP NOT NULL,
                expires_at TIMESTAMP NOT NULL,
                root_kid BIGINT NOT NULL,
                mac VARCHAR(64) NOT NULL
            )
            """
        return [
            table, "CREATE INDEX web_sessions_user_id ON web_sessions (user_id, kind, created_at)",
            "CREATE INDEX web_sessions_expires_at ON web_sessions (expires_at)",
        ] + (dialect == .postgresql ? webSessionIsolation : [])
    }

    private static let webSessionIsolation = [
        "ALTER TABLE web_sessions ENABLE ROW LEVEL SECURITY", "ALTER TABLE web_sessions FORCE ROW LEVEL SECURITY",
        // A setting that was made once in a session is empty afterwards, not NULL: an empty owner is nobody's.
        """
        CREATE POLICY own_rows ON web_sessions USING (
            (user_id = current_setting('latchkey.user_id', true) AND user_id <> '')
            OR current_setting('latchkey.scope', true) = 'everyone')
        """,
    ]

    /// Indexes that lists on the pages are read by.
    ///
    /// A hand-out writes an audit event and nothing else, so no index may have an entry for one: that would be a second
    /// page to write for each call. What a list shows of hand-outs is read from the newest rows.
    private static func pageIndexes(_ dialect: SQLDialect) -> [String] {
        [
            """
            CREATE INDEX audit_events_owner ON audit_events (COALESCE(user_id, actor_id), id) \
            WHERE action <> 'key.use' OR outcome <> 'ok'
            """,
            "CREATE INDEX audit_events_checks ON audit_events (at, provider, outcome, detail) WHERE action = 'key.check'",
            "CREATE INDEX user_api_keys_state ON user_api_keys (provider, verdict, expires_at)",
            """
            CREATE INDEX user_api_keys_failing ON user_api_keys (user_id, provider, name) \
            WHERE verdict IN ('blocked', 'expired', 'invalid') OR expires_at IS NOT NULL
            """,
        ] + (dialect == .postgresql ? ownEvents : [])
    }

    /// A user's own are also the events that belong to no user's rows and that the user caused: a global key that served
    /// the user's call, or what an administrator did with one.
    private static let ownEvents = [
        "DROP POLICY own_events ON audit_events",
        """
        CREATE POLICY own_events ON audit_events FOR SELECT USING (
            (COALESCE(user_id, actor_id) = current_setting('latchkey.user_id', true)
                AND COALESCE(user_id, actor_id) <> '')
            OR current_setting('latchkey.scope', true) = 'everyone')
        """,
    ]

    /// A setting that was made once in a session is empty afterwards, not NULL: in the older tables too an empty owner is
    /// nobody's.
    private static let nobodysRows = ["user_api_keys", "user_settings"].map { table in
        """
        ALTER POLICY own_rows ON \(table) USING (
            (user_id = current_setting('latchkey.user_id', true) AND user_id <> '')
            OR current_setting('latchkey.scope', true) = 'everyone')
        """
    }
}
