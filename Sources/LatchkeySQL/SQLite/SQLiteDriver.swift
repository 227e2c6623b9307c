import GRDB
import LatchkeyCore

/// The embedded database: one file in WAL mode, one writer, a few readers.
package final class SQLiteDriver: SQLDriver {
    package let path: String
    private let queue: DatabaseQueue
    private let writer: SQLiteWriter
    private let readers: SQLiteReaders

    package var dialect: SQLDialect { .sqlite }

    /// Opens the file, and makes it when it is not there.
    ///
    /// - Throws: `store_unavailable` with the cause and the mend.
    package init(path: String, readers: Int = 4) throws {
        self.path = path
        var configuration = Configuration()
        configuration.journalMode = .wal
        configuration.foreignKeysEnabled = true
        configuration.busyMode = .timeout(5)
        configuration.label = "latchkey"
        configuration.prepareDatabase { database in
            // FULL: a commit is on disk when it returns, also after a power cut.
            try database.execute(sql: "PRAGMA synchronous = FULL")
            // Deleted rows are overwritten: a sealed key that its owner removed is not left in free pages.
            try database.execute(sql: "PRAGMA secure_delete = ON")
        }
        do {
            queue = try DatabaseQueue(path: path, configuration: configuration)
        } catch let error as DatabaseError {
            throw SQLiteError.error(error.extendedResultCode.rawValue, nil)
        }
        writer = try SQLiteWriter(queue: queue)
        self.readers = try SQLiteReaders(path: path, count: readers)
    }

    package func query<Row: Sendable>(
        _ statement: SQLStatement, _ values: [SQLValue], _ decode: @Sendable (any SQLRow) throws -> Row
    ) async throws -> [Row] {
        try readers.read { connection in
            var rows: [Row] = []
            try connection.run(statement, values) { rows.append(try decode($0)) }
            return rows
        }
    }

    @discardableResult
    package func execute(_ statement: SQLStatement, _ values: [SQLValue]) async throws -> Int {
        try await writer.run(isAtomic: true) { try $0.run(statement, values) }
    }

    package func transaction<Result: Sendable>(
        _ body: @escaping @Sendable (any SQLTransaction) throws -> Result
    ) async throws -> Result {
        try await writer.run(isAtomic: false) { try body(SQLiteTransaction(connection: $0)) }
    }

    /// Truncates the WAL and closes. Without it the next start does the same work.
    package func close() throws {
        try queue.close()
    }
}

private struct SQLiteTransaction: SQLTransaction {
    let connection: SQLiteConnection

    func query<Row>(
        _ statement: SQLStatement, _ values: [SQLValue], _ decode: (any SQLRow) throws -> Row
    ) throws -> [Row] {
        var rows: [Row] = []
        try connection.run(statement, values) { rows.append(try decode($0)) }
        return rows
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

    package func appliedMigrations() async throws -> [AppliedMigration] {
        try await mappingErrors { [queue] in
            try await queue.read { database in try Self.applied(database) }
        }
    }

    private static func applied(_ database: Database) throws -> [AppliedMigration] {
        guard try database.tableExists("schema_migrations") else { return [] }
        return try Row.fetchAll(
            database, sql: "SELECT version, name, checksum FROM schema_migrations ORDER BY version"
        ).map { AppliedMigration(version: $0["version"], name: $0["name"], checksum: $0["checksum"]) }
    }

    package func migrate(_ migrations: [Migration]) async throws -> [Migration] {
        try await mappingErrors { [queue] in
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
