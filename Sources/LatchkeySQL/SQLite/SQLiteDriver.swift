import CLatchkeyShims
import GRDB
import LatchkeyCore

/// The embedded database: one file in WAL mode, one writer, a few readers.
package final class SQLiteDriver: SQLDriver {
    package let path: String
    private let readers: SQLiteReaders
    /// nil when the file was opened for reading only.
    private let writing: Writing?

    private struct Writing {
        let queue: DatabaseQueue
        let writer: SQLiteWriter
    }

    package var dialect: SQLDialect { .sqlite }

    /// Opens the file, and makes it when it is not there.
    ///
    /// - Throws: `store_unavailable` with the cause and the mend.
    package init(path: String, readers: Int = 4) throws {
        Self.configureOnce()
        self.path = path
        do {
            let queue = try DatabaseQueue(path: path, configuration: Self.configuration)
            // FULL: a commit is on disk when it returns, also after a power cut. Set here and not in the configuration,
            // for GRDB sets NORMAL when it switches to WAL, after the configuration has been applied.
            try queue.writeWithoutTransaction { try $0.execute(sql: "PRAGMA synchronous = FULL") }
            writing = Writing(queue: queue, writer: try SQLiteWriter(queue: queue))
        } catch let error as DatabaseError {
            throw SQLiteError.error(error.extendedResultCode.rawValue, nil)
        }
        self.readers = try SQLiteReaders(path: path, count: readers)
    }

    /// Opens a file that is there, to look at it: not a byte of it is changed.
    ///
    /// - Throws: `store_unavailable`.
    package init(inspecting path: String) throws {
        Self.configureOnce()
        self.path = path
        writing = nil
        readers = try SQLiteReaders(path: path, count: 1)
    }

    /// Once a process, before SQLite wakes up: readers and the writer would meet at a lock that only counts bytes.
    private static func configureOnce() { _ = isConfigured }
    private static let isConfigured = latchkey_sqlite_no_memory_statistics() == 0

    private static var configuration: Configuration {
        var configuration = Configuration()
        configuration.journalMode = .wal
        configuration.foreignKeysEnabled = true
        configuration.busyMode = .timeout(5)
        configuration.label = "latchkey"
        configuration.prepareDatabase { database in
            // Deleted rows are overwritten: a sealed key that its owner removed is not left in free pages.
            try database.execute(sql: "PRAGMA secure_delete = ON")
        }
        return configuration
    }

    private func forWriting() throws -> Writing {
        guard let writing else { throw LatchkeyError(.storeUnavailable, "the database was opened for reading only") }
        return writing
    }

    package func query(
        _ statement: SQLStatement, _ values: [SQLValue], _ onRow: (any SQLRow) throws -> Void
    ) async throws {
        try readers.read { connection in _ = try connection.run(statement, values, onRow: onRow) }
    }

    @discardableResult
    package func execute(_ statement: SQLStatement, _ values: [SQLValue]) async throws -> Int {
        try await forWriting().writer.run(isAtomic: true) { try $0.run(statement, values) }
    }

    package func transaction<Result: Sendable>(
        _ body: @escaping @Sendable (any SQLTransaction) throws -> Result
    ) async throws -> Result {
        try await forWriting().writer.run(isAtomic: false) { try body(SQLiteTransaction(connection: $0)) }
    }

    /// Truncates the WAL and closes. Without it the next start does the same work.
    package func close() throws {
        // SQLite empties the WAL when its last connection closes, and closes none that has open statements.
        readers.close()
        try writing?.writer.close()
    }
}

private struct SQLiteTransaction: SQLTransaction {
    let connection: SQLiteConnection

    func query(
        _ statement: SQLStatement, _ values: [SQLValue], _ onRow: (any SQLRow) throws -> Void
    ) throws {
        try connection.run(statement, values, onRow: onRow)
    }

    func execute(_ statement: SQLStatement, _ values: [SQLValue]) throws -> Int {
        try connection.run(statement, values)
    }
}

// Migrations
extension SQLiteDriver {
    private static let table = """
        CREATE TABLE IF NOT EXISTS schema_migrations (
            version INTEGER PRIMARY KEY,
            name VARCHAR(64) NOT NULL,
            checksum VARCHAR(64) NOT NULL,
            applied_at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP
        )
        """

    private static let findTable = SQLStatement(
        "schema_migrations.exists", "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'schema_migrations'")
    private static let selectApplied = SQLStatement(
        "schema_migrations.select", "SELECT version, name, checksum FROM schema_migrations ORDER BY version")

    package func appliedMigrations() async throws -> [AppliedMigration] {
        var exists = false
        try await query(Self.findTable, []) { _ in exists = true }
        var applied: [AppliedMigration] = []
        guard exists else { return applied }
        try await query(Self.selectApplied, []) { row in
            applied.append(
                AppliedMigration(
                    version: row.integer(0).flatMap { Int(exactly: $0) } ?? 0, name: row.text(1) ?? "",
                    checksum: row.text(2) ?? ""))
        }
        return applied
    }

    private static func applied(_ database: Database) throws -> [AppliedMigration] {
        guard try database.tableExists("schema_migrations") else { return [] }
        return try Row.fetchAll(database, sql: selectApplied.sql).map { row in
            AppliedMigration(
                version: Int.fromDatabaseValue(row["version"]) ?? 0, name: String.fromDatabaseValue(row["name"]) ?? "",
                checksum: String.fromDatabaseValue(row["checksum"]) ?? "")
        }
    }

    package func migrate(_ migrations: [Migration]) async throws -> [Migration] {
        let queue = try forWriting().queue
        return try await mappingErrors {
            try await queue.writeWithoutTransaction { database in
                var run: [Migration] = []
                for migration in migrations {
                    // Immediate: two programs that start at once take turns, and the second finds the work done.
                    try database.inTransaction(.immediate) {
                        let missing = try SchemaCheck.missing(migrations, applied: Self.applied(database))
                        guard missing.contains(migration) else { return .commit }
                        try database.execute(sql: Self.table)
                        for statement in migration.statements { try database.execute(sql: statement) }
                        try database.execute(
                            sql: "INSERT INTO schema_migrations (version, name, checksum) VALUES (?, ?, ?)",
                            arguments: [migration.version, migration.name, migration.checksum])
                        run.append(migration)
                        return .commit
                    }
                }
                return run
            }
        }
    }

    private func mappingErrors<R>(_ body: () async throws -> R) async throws -> R {
        do { return try await body() } catch let error as DatabaseError {
            throw SQLiteError.error(error.extendedResultCode.rawValue, nil)
        }
    }
}
