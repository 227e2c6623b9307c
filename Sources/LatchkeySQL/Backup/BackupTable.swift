/// A table as a backup holds it. Written down here and not asked of the database, so that a backup of one database fits
/// the other; a test compares it with the schema, so that no column is forgotten.
package struct BackupTable: Sendable, Equatable {
    package struct Column: Sendable, Equatable {
        package enum Kind: String, Sendable {
            case text, integer, bool, timestamp
        }

        package let name: String
        package let kind: Kind
        /// The schema version that brought it: a backup of an older schema has not got it, and its default takes its
        /// place. A migration that computes a new column from others has to be repeated after a restore.
        package let since: Int
    }

    package let name: String
    package let columns: [Column]
    /// The primary key, in whose order rows are read. Its columns are among `columns`.
    package let key: [String]
    /// The schema version that brought the table.
    package let since: Int

    /// Whether the database counts its ids by itself. What it counted to has to be told it after a restore.
    package var hasSequence: Bool { key == ["id"] && columns.contains { $0.name == "id" && $0.kind == .integer } }

    package func columns(at schema: Int) -> [Column] { columns.filter { $0.since <= schema } }

    /// Every table that is kept, in the order in which a backup has them.
    package static let all: [BackupTable] = [
        keys("user_api_keys"), keys("global_api_keys"), userSettings, deploymentFacts, keyset, auditEvents,
        accessTokens,
        usageBudgets, usageEvents,
    ]

    package static func all(at schema: Int) -> [BackupTable] { all.filter { $0.since <= schema } }

    /// Tables that a backup leaves out: a restored database has its own schema, its nodes agree anew on who does what, the
    /// calls that something was set aside for are under way elsewhere, or not at all, and a browser that signed out since
    /// is not to be signed in again.
    package static let leftOut: Set<String> = [
        "schema_migrations", "job_leases", "usage_reservations", "web_sessions",
    ]

    /// Columns that a backup leaves out, and that a restored row has the default of: without reservations nothing is
    /// reserved.
    package static let columnsLeftOut: [String: Set<String>] = ["usage_budgets": ["reserved"]]
}

extension BackupTable {
    private init(_ name: String, since: Int, key: [String], _ columns: [(String, Column.Kind)]) {
        self.name = name
        self.since = since
        self.key = key
        self.columns = columns.map { Column(name: $0, kind: $1, since: since) }
    }

    private static func keys(_ name: String) -> BackupTable {
        BackupTable(
            name, since: 1, key: ["id"],
            [
                ("id", .integer), ("user_id", .text), ("provider", .text), ("encrypted_key", .text),
                ("key_hash", .text), ("is_valid", .bool), ("last_validated", .timestamp), ("created_at", .timestamp),
                ("updated_at", .timestamp), ("name", .text), ("suite", .integer), ("root_kid", .integer),
                ("row_version", .integer), ("salt", .text), ("key_hint", .text), ("kind", .text), ("label", .text),
                ("base_url", .text), ("verdict", .text), ("check_status", .integer), ("check_code", .text),
                ("checked_at", .timestamp), ("check_decisive", .bool), ("next_check_at", .timestamp),
                ("expires_at", .timestamp), ("last_used_at", .timestamp),
            ])
    }

    private static let userSettings = BackupTable(
        "user_settings", since: 3, key: ["user_id", "setting"],
        [("user_id", .text), ("setting", .text), ("value", .bool)])

    private static let deploymentFacts = BackupTable(
        "deployment_facts", since: 3, key: ["fact"], [("fact", .text), ("value", .text)])

    static let keyset = BackupTable(
        "keyset", since: 3, key: ["kid"],
        // `created_at` is a text here: the row's MAC is over its exact bytes.
        [("kid", .integer), ("state", .text), ("check_value", .text), ("created_at", .text), ("mac", .text)])

    private static let auditEvents = BackupTable(
        "audit_events", since: 2, key: ["id"],
        [
            ("id", .integer), ("at", .timestamp), ("actor_kind", .text), ("actor_id", .text), ("action", .text),
            ("owner_kind", .text), ("user_id", .text), ("provider", .text), ("name", .text), ("row_version", .integer),
            ("outcome", .text), ("detail", .text), ("request_id", .text),
        ])

    private static let accessTokens = BackupTable(
        "access_tokens", since: 5, key: ["id"],
        [
            ("id", .text), ("user_id", .text), ("label", .text), ("secret_hash", .text), ("scopes", .text),
            ("providers", .text), ("models", .text), ("networks", .text), ("limits", .text), ("created_at", .timestamp),
            ("expires_at", .timestamp), ("revoked_at", .timestamp), ("replaced_by", .text), ("root_kid", .integer),
            ("row_version", .integer), ("mac", .text), ("last_used_at", .timestamp),
        ])

    private static let usageBudgets = BackupTable(
        "usage_budgets", since: 5, key: ["user_id", "subject", "metric", "period", "set_by"],
        [
            ("user_id", .text), ("subject", .text), ("metric", .text), ("period", .text), ("set_by", .text),
            ("amount", .integer), ("warnings", .text), ("updated_at", .timestamp), ("window_start", .timestamp),
            ("used", .integer), ("warned", .text),
        ])

    private static let usageEvents = BackupTable(
        "usage_events", since: 5, key: ["id"],
        [
            ("id", .integer), ("user_id", .text), ("event_id", .text), ("at", .timestamp), ("day", .integer),
            ("origin", .text), ("provider", .text), ("name", .text), ("source", .text), ("token_id", .text),
            ("operation", .text), ("model", .text), ("input_tokens", .integer), ("output_tokens", .integer),
            ("cached_tokens", .integer), ("cost", .integer), ("status", .integer), ("duration", .integer),
            ("first_byte", .integer), ("is_streamed", .bool), ("is_estimated", .bool), ("request_id", .text),
        ])
}
