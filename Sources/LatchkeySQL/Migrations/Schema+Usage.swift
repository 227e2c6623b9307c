extension Schema {
    /// Usage: one row for each call to a provider, the budgets with what was used of each, and what is set aside for
    /// calls under way.
    ///
    /// A budget's row carries its counter, so that one lock and one write is all that a call needs: `used` is the sum of
    /// the events and `reserved` of the reservations in the window that starts at `window_start`. `user_id` is empty for
    /// the budget of a service's access token.
    static func usage(_ dialect: SQLDialect) -> [String] {
        // SQLite compares bytes by itself; PostgreSQL as the database's locale says.
        let bytewise = dialect == .postgresql ? " COLLATE \"C\"" : ""
        return [
            usageEvents(dialect, bytewise),
            "CREATE INDEX usage_events_user_id ON usage_events (user_id, at, id)",
            "CREATE INDEX usage_events_at ON usage_events (at, id)",
            "CREATE INDEX usage_events_token_id ON usage_events (token_id, at) WHERE token_id IS NOT NULL",
            """
            CREATE TABLE usage_budgets (
                user_id VARCHAR(64)\(bytewise) NOT NULL,
                subject VARCHAR(128)\(bytewise) NOT NULL,
                metric VARCHAR(16)\(bytewise) NOT NULL,
                period VARCHAR(16)\(bytewise) NOT NULL,
                set_by VARCHAR(16)\(bytewise) NOT NULL,
                amount BIGINT NOT NULL,
                warnings VARCHAR(64) NOT NULL,
                updated_at TIMESTAMP NOT NULL,
                window_start TIMESTAMP NOT NULL,
                used BIGINT NOT NULL,
                reserved BIGINT NOT NULL DEFAULT 0,
                warned VARCHAR(64) NOT NULL,
                PRIMARY KEY (user_id, subject, metric, period, set_by)
            )
            """,
            """
            CREATE TABLE usage_reservations (
                id VARCHAR(32)\(bytewise) PRIMARY KEY,
                user_id VARCHAR(64)\(bytewise) NOT NULL CHECK (length(user_id) BETWEEN 1 AND 64),
                at TIMESTAMP NOT NULL,
                provider VARCHAR(50)\(bytewise) NOT NULL,
                name VARCHAR(64)\(bytewise) NOT NULL,
                token_id VARCHAR(32)\(bytewise),
                model VARCHAR(128),
                input_tokens BIGINT,
                output_tokens BIGINT,
                cost BIGINT,
                request_id VARCHAR(64),
                expires_at TIMESTAMP NOT NULL
            )
            """,
            "CREATE INDEX usage_reservations_user_id ON usage_reservations (user_id)",
        ] + (dialect == .postgresql ? usageIsolation : [])
    }

    private static func usageEvents(_ dialect: SQLDialect, _ bytewise: String) -> String {
        // No AUTOINCREMENT on SQLite, which would write a second table for each event: that an id may be given again
        // after its event was deleted matters to nobody.
        // The event's id stands first in its index: the gateway's ids count up, so what is written together lies together.
        let id = dialect == .sqlite ? "INTEGER PRIMARY KEY" : "BIGSERIAL PRIMARY KEY"
        return """
            CREATE TABLE usage_events (
                id \(id),
                user_id VARCHAR(64)\(bytewise) NOT NULL CHECK (length(user_id) BETWEEN 1 AND 64),
                event_id VARCHAR(64)\(bytewise) NOT NULL,
                at TIMESTAMP NOT NULL,
                day INTEGER NOT NULL,
                origin VARCHAR(16) NOT NULL,
                provider VARCHAR(50)\(bytewise) NOT NULL,
                name VARCHAR(64)\(bytewise) NOT NULL,
                source VARCHAR(16),
                token_id VARCHAR(32)\(bytewise),
                operation VARCHAR(32),
                model VARCHAR(128)\(bytewise),
                input_tokens BIGINT,
                output_tokens BIGINT,
                cached_tokens BIGINT,
                cost BIGINT,
                status SMALLINT,
                duration BIGINT,
                first_byte BIGINT,
                is_streamed BOOLEAN NOT NULL,
                is_estimated BOOLEAN NOT NULL,
                request_id VARCHAR(64),
                UNIQUE (event_id, user_id)
            )
            """
    }

    private static let usageIsolation = ["usage_events", "usage_budgets", "usage_reservations"].flatMap { table in
        [
            "ALTER TABLE \(table) ENABLE ROW LEVEL SECURITY", "ALTER TABLE \(table) FORCE ROW LEVEL SECURITY",
            // A setting that was made once in a session is empty afterwards, not NULL: an empty owner is nobody's.
            """
            CREATE POLICY own_rows ON \(table) USING (
                (user_id = current_setting('latchkey.user_id', true) AND user_id <> '')
                OR current_setting('latchkey.scope', true) = 'everyone')
            """,
        ]
    }
}
