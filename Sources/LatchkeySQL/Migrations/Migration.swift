import Crypto

/// One numbered step of the schema. Once released it never changes: its checksum is kept in the database.
package struct Migration: Sendable, Equatable {
    package let version: Int
    package let name: String
    package let statements: [String]
    /// The oldest schema version whose programs can work on with this one: what lets nodes be upgraded one after the
    /// other. nil: they cannot, and refuse to start.
    package let compatibleWith: Int?

    package init(version: Int, name: String, statements: [String], compatibleWith: Int? = nil) {
        self.version = version
        self.name = name
        self.statements = statements
        self.compatibleWith = compatibleWith
    }

    /// SHA-256 over the statements, hex.
    package var checksum: String {
        SHA256.hash(data: Array(statements.joined(separator: ";\n").utf8)).map { byte in
            let digits = String(byte, radix: 16)
            return digits.count == 1 ? "0" + digits : digits
        }.joined()
    }
}

package struct AppliedMigration: Sendable, Equatable {
    package let version: Int
    package let name: String
    package let checksum: String
    package let compatibleWith: Int?

    package init(version: Int, name: String, checksum: String, compatibleWith: Int? = nil) {
        self.version = version
        self.name = name
        self.checksum = checksum
        self.compatibleWith = compatibleWith
    }
}

extension AppliedMigration {
    static let createTable = SQLStatement(
        "schema_migrations.create",
        """
        CREATE TABLE IF NOT EXISTS schema_migrations (
            version INTEGER PRIMARY KEY,
            name VARCHAR(64) NOT NULL,
            checksum VARCHAR(64) NOT NULL,
            applied_at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP
        )
        """)

    /// Everything in the table `schema_migrations`, which is there.
    static func all(in transaction: any SQLTransaction, _ dialect: SQLDialect) throws -> [AppliedMigration] {
        var hasCompatibility = false
        let find = dialect == .sqlite ? findOnSQLite : findOnPostgreSQL
        try transaction.query(find, []) { _ in hasCompatibility = true }
        var applied: [AppliedMigration] = []
        try transaction.query(hasCompatibility ? select : selectWithout, []) { row in
            applied.append(
                AppliedMigration(
                    version: row.integer(0).flatMap { Int(exactly: $0) } ?? 0, name: row.text(1) ?? "",
                    checksum: row.text(2) ?? "", compatibleWith: row.integer(3).flatMap { Int(exactly: $0) }))
        }
        return applied
    }

    /// Notes that a migration was run, in its transaction.
    static func note(_ migration: Migration, in transaction: any SQLTransaction) throws {
        try transaction.execute(
            insert, [.integer(Int64(migration.version)), .text(migration.name), .text(migration.checksum)])
        guard let oldest = migration.compatibleWith else { return }
        try transaction.execute(setCompatibility, [.integer(Int64(migration.version)), .integer(Int64(oldest))])
    }

    // The column came with a later migration than the table.
    private static let findOnSQLite = SQLStatement(
        "schema_migrations.has_compatibility",
        "SELECT 1 FROM pragma_table_info('schema_migrations') WHERE name = 'compatible_with'")
    private static let findOnPostgreSQL = SQLStatement(
        "schema_migrations.has_compatibility",
        """
        SELECT 1 FROM pg_attribute WHERE attrelid = to_regclass('schema_migrations') AND attname = 'compatible_with'
            AND NOT attisdropped
        """)
    private static let select = SQLStatement(
        "schema_migrations.select",
        "SELECT version, name, checksum, compatible_with FROM schema_migrations ORDER BY version")
    private static let selectWithout = SQLStatement(
        "schema_migrations.select_without",
        "SELECT version, name, checksum, NULL FROM schema_migrations ORDER BY version")
    private static let insert = SQLStatement(
        "schema_migrations.insert", "INSERT INTO schema_migrations (version, name, checksum) VALUES ($1, $2, $3)")
    private static let setCompatibility = SQLStatement(
        "schema_migrations.set_compatibility", "UPDATE schema_migrations SET compatible_with = $2 WHERE version = $1")
}
