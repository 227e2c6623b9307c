/// Every migration, in order. The tables carry the reference system's columns first, then ours.
package enum Schema {
    /// The migration that makes the keyset table.
    package static let keysetVersion = 3

    package static func migrations(_ dialect: SQLDialect) -> [Migration] {
        [
            Migration(version: 1, name: "keys", statements: keys(dialect)),
            Migration(version: 2, name: "audit", statements: audit(dialect)),
            Migration(version: keysetVersion, name: "keyset and settings", statements: settings),
            Migration(
                version: 4, name: "many nodes", statements: nodes + (dialect == .postgresql ? isolation : [])),
            Migration(
                version: 5, name: "gateway", statements: accessTokens(dialect) + usage(dialect), compatibleWith: 4),
            Migration(version: 6, name: "front end", statements: frontEnd(dialect), compatibleWith: 5),
        ]
    }

    /// What several nodes on one database need: a word on which programs go together, and who does a job now.
    private static let nodes = [
        "ALTER TABLE schema_migrations ADD COLUMN compatible_with INTEGER",
        """
        CREATE TABLE job_leases (
            job VARCHAR(32) PRIMARY KEY,
            holder VARCHAR(64) NOT NULL,
            fence BIGINT NOT NULL,
            expires_at TIMESTAMP NOT NULL
        )
        """,
    ]

    /// Both tables have the same columns; `user_id` of the global one is always empty, which no user id can be.
    private static func keys(_ dialect: SQLDialect) -> [String] {
        // SQLite compares bytes by itself; PostgreSQL as the database's locale says.
        let bytewise = dialect == .postgresql ? " COLLATE \"C\"" : ""
        var statements: [String] = []
        for (table, check) in [
            ("user_api_keys", "length(user_id) BETWEEN 1 AND 64"), ("global_api_keys", "user_id = ''"),
        ] {
            statements.append(
                """
                CREATE TABLE \(table) (
                    id \(identity(dialect)),
                    user_id VARCHAR(64)\(bytewise) NOT NULL CHECK (\(check)),
                    provider VARCHAR(50)\(bytewise) NOT NULL,
                    encrypted_key TEXT NOT NULL,
                    key_hash VARCHAR(255) NOT NULL,
                    is_valid BOOLEAN NOT NULL DEFAULT FALSE,
                    last_validated TIMESTAMP,
                    created_at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,
                    updated_at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,
                    name VARCHAR(64)\(bytewise) NOT NULL DEFAULT 'default',
                    suite SMALLINT NOT NULL,
                    root_kid BIGINT NOT NULL,
                    row_version BIGINT NOT NULL,
                    salt VARCHAR(64) NOT NULL,
                    key_hint VARCHAR(16),
                    kind VARCHAR(20) NOT NULL,
                    label VARCHAR(120),
                    base_url VARCHAR(1024) NOT NULL,
                    verdict VARCHAR(20) NOT NULL DEFAULT 'unknown',
                    check_status SMALLINT,
                    check_code VARCHAR(64),
                    checked_at TIMESTAMP,
                    check_decisive BOOLEAN NOT NULL DEFAULT FALSE,
                    next_check_at TIMESTAMP,
                    expires_at TIMESTAMP,
                    last_used_at TIMESTAMP,
                    UNIQUE (user_id, provider, name)
                )
                """)
            statements.append("CREATE INDEX \(table)_next_check_at ON \(table) (next_check_at)")
        }
        return statements
    }

    /// Events are added and read; a trigger refuses the rest. A fence against mistakes, not proof against an attacker.
    ///
    /// Its id needs no AUTOINCREMENT on SQLite, which would write a second table for each event: the newest event is
    /// never deleted, so its id is never given again.
    private static func audit(_ dialect: SQLDialect) -> [String] {
        let table = """
            CREATE TABLE audit_events (
                id \(dialect == .sqlite ? "INTEGER PRIMARY KEY" : identity(dialect)),
                at TIMESTAMP NOT NULL,
                actor_kind VARCHAR(16) NOT NULL,
                actor_id VARCHAR(64),
                action VARCHAR(32) NOT NULL,
                owner_kind VARCHAR(8),
                user_id VARCHAR(64),
                provider VARCHAR(50),
                name VARCHAR(64),
                row_version BIGINT,
                outcome VARCHAR(32) NOT NULL,
                detail VARCHAR(64),
                request_id VARCHAR(64)
            )
            """
        let fences =
            switch dialect {
            case .sqlite:
                // The third: INSERT OR REPLACE deletes without asking a DELETE trigger.
                [
                    ("update", "UPDATE", ""), ("delete", "DELETE", ""),
                    ("replace", "INSERT", "WHEN EXISTS (SELECT 1 FROM audit_events WHERE id = NEW.id)"),
                ].map { name, verb, condition in
                    """
                    CREATE TRIGGER audit_events_no_\(name) BEFORE \(verb) ON audit_events \(condition)
                    BEGIN SELECT RAISE(ABORT, 'audit events are only ever added'); END
                    """
                }
            case .postgresql:
                [
                    """
                    CREATE FUNCTION audit_events_refuse() RETURNS trigger LANGUAGE plpgsql AS
                    $$BEGIN RAISE EXCEPTION 'audit events are only ever added'; END$$
                    """,
                    """
                    CREATE TRIGGER audit_events_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_events
                    FOR EACH STATEMENT EXECUTE FUNCTION audit_events_refuse()
                    """,
                ]
            }
        return [table] + fences
    }

    private static let settings = [
        """
        CREATE TABLE keyset (
            kid BIGINT PRIMARY KEY,
            state VARCHAR(16) NOT NULL,
            check_value VARCHAR(16) NOT NULL,
            created_at VARCHAR(32) NOT NULL,
            mac VARCHAR(64) NOT NULL
        )
        """,
        """
        CREATE TABLE user_settings (
            user_id VARCHAR(64) NOT NULL,
            setting VARCHAR(32) NOT NULL,
            value BOOLEAN NOT NULL,
            PRIMARY KEY (user_id, setting)
        )
        """,
        """
        CREATE TABLE deployment_facts (
            fact VARCHAR(32) PRIMARY KEY,
            value VARCHAR(255) NOT NULL
        )
        """,
    ]

    private static func identity(_ dialect: SQLDialect) -> String {
        switch dialect {
        // AUTOINCREMENT: the id of a deleted row is never given to another.
        case .sqlite: "INTEGER PRIMARY KEY AUTOINCREMENT"
        case .postgresql: "BIGSERIAL PRIMARY KEY"
        }
    }
}
