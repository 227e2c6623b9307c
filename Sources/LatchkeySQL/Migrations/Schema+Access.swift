extension Schema {
    /// Access tokens: what each lets its bearer do, under a MAC; of the secret, a keyed hash alone
    /// (docs/record-format.md).
    ///
    /// `user_id` is empty for a token of the service, which no user id can be. On PostgreSQL a session that has named no
    /// owner sees none of them: a setting that was made once in a session is empty afterwards, not NULL, so the policy
    /// takes an empty owner for nobody, and what deals with the service's tokens says that everyone is meant.
    static func accessTokens(_ dialect: SQLDialect) -> [String] {
        // SQLite compares bytes by itself; PostgreSQL as the database's locale says.
        let bytewise = dialect == .postgresql ? " COLLATE \"C\"" : ""
        let table = """
            CREATE TABLE access_tokens (
                id VARCHAR(32)\(bytewise) PRIMARY KEY,
                user_id VARCHAR(64)\(bytewise) NOT NULL,
                label VARCHAR(120) NOT NULL,
                secret_hash VARCHAR(64) NOT NULL,
                scopes VARCHAR(64) NOT NULL,
                providers TEXT NOT NULL,
                models TEXT NOT NULL,
                networks TEXT NOT NULL,
                limits TEXT NOT NULL,
                created_at TIMESTAMP NOT NULL,
                expires_at TIMESTAMP,
                revoked_at TIMESTAMP,
                replaced_by VARCHAR(32)\(bytewise),
                root_kid BIGINT NOT NULL,
                row_version BIGINT NOT NULL,
                mac VARCHAR(64) NOT NULL,
                last_used_at TIMESTAMP
            )
            """
        return [table, "CREATE INDEX access_tokens_user_id ON access_tokens (user_id, created_at)"]
            + (dialect == .postgresql ? accessTokenIsolation : [])
    }

    private static let accessTokenIsolation = [
        "ALTER TABLE access_tokens ENABLE ROW LEVEL SECURITY", "ALTER TABLE access_tokens FORCE ROW LEVEL SECURITY",
        """
        CREATE POLICY own_rows ON access_tokens USING (
            (user_id = current_setting('latchkey.user_id', true) AND user_id <> '')
            OR current_setting('latchkey.scope', true) = 'everyone')
        """,
    ]
}
