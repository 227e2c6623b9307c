import CLatchkeyShims
import Dispatch
import GRDB
import LatchkeyCore

/// The embedded database: one file in WAL mode, one writer, a few readers.
package final class SQLiteDriver: SQLDriver {
    package let path: String
    private let readers: SQLiteReaders
    /// nil when the file was opened for reading only.
    private let writing: Writing?
    /// For what may take long: nothing of it holds up a thread that others wait for.
    private let slow = DispatchQueue(label: "latchkey.sqlite.slow", attributes: .concurrent)

    private struct Writing {
        /// Makes the file and its tables; everything else is the writer's.
        let migrations: DatabaseQueue
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
            // FULL: a migration is on disk when it returns, as every other commit. Set here and not in the configuration,
            // for GRDB sets NORMAL when it switches to WAL, after the configuration has been applied.
            try queue.writeWithoutTransaction { try $0.execute(sql: "PRAGMA synchronous = FULL") }
            writing = Writing(migrations: queue, writer: try SQLiteWriter(path: path))
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

    /// The file is on this machine: no answer to a commit is ever lost on the way, so no evidence is needed.
    @discardableResult
    package func execute(_ statement: SQLStatement, _ values: [SQLValue], evidence: SQLEvidence?) async throws -> Int {
        try await forWriting().writer.run(isAtomic: true) { try $0.run(statement, values) }
    }

    package func transaction<Result: Sendable>(
        evidence: SQLEvidence?, _ body: @escaping @Sendable (any SQLTransaction) throws -> Result
    ) async throws -> Result {
        try await forWriting().writer.run(isAtomic: false) { try body(SQLiteTransaction(connection: $0)) }
    }

    package func snapshot<Result: Sendable>(
        _ body: @escaping @Sendable (any SQLTransaction) throws -> Result
    ) async throws -> Result {
        try await onSlowQueue { [path] in
            let connection = try SQLiteConnection(readingFrom: path)
            defer { connection.close() }
            try connection.run(Self.begin, [])
            // BEGIN alone takes no snapshot, the first read does: the moment is now, not when `body` gets to it.
            try connection.run(Self.firstRead, [])
            let result = try body(SQLiteTransaction(connection: connection))
            try connection.run(Self.commit, [])
            return result
        }
    }

    /// Truncates the WAL and closes. Without it the next start does the same work.
    package func close() async {
        // SQLite empties the WAL when its last connection closes, and closes none that has open statements.
        try? await onSlowQueue { [readers, writing] in
            readers.close()
            writing?.writer.close()
            try writing?.migrations.close()
        }
    }

    private func onSlowQueue<R: Sendable>(_ work: @escaping @Sendable () throws -> R) async throws -> R {
        try await withCheckedThrowingContinuation { continuation in
            slow.async { continuation.resume(with: Result { try work() }) }
        }
    }

    private static let begin = SQLStatement("begin", "BEGIN")
    private static let firstRead = SQLStatement("first_read", "SELECT COUNT(*) FROM sqlite_master")
    private static let commit = SQLStatement("commit", "COMMIT")
}

private struct SQLiteTransaction: SQLTransaction {
    let connection: SQLiteConnection

    func query(
        _ statement: SQLStatement, _ values: [SQLValue], _ onRow: (any SQLRow) throws -> Void
    ) throws {
        try connection.run(statement, values, onRow: onRow)
    }

    @discardableResult
    func execute(_ statement: SQLStatement, _ values: [SQLValue]) throws -> Int {
        try connection.run(statement, values)
    }

    /// The commit is no round trip here, so there is nothing for a statement to travel with.
    func send(_ statement: SQLStatement, _ values: [SQLValue]) throws {
        try connection.run(statement, values)
    }
}

// Migrations
extension SQLiteDriver {
    private static let findTable = SQLStatement(
        "schema_migrations.exists", "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'schema_migrations'")

    package func appliedMigrations() async throws -> [AppliedMigration] {
        var applied: [AppliedMigration] = []
        try readers.read { connection in applied = try Self.applied(in: SQLiteTransaction(connection: connection)) }
        return applied
    }

    private static func applied(in transaction: SQLiteTransaction) throws -> [AppliedMigration] {
        var exists = false
        try transaction.query(findTable, []) { _ in exists = true }
        return exists ? try AppliedMigration.all(in: transaction, .sqlite) : []
    }

    package func migrate(_ migrations: [Migration]) async throws -> [Migration] {
        let queue = try forWriting().migrations
        return try await mappingErrors {
            try await queue.writeWithoutTransaction { database in
                guard let handle = database.sqliteConnection else { throw Self.closed }
                let connection = SQLiteConnection(borrowing: handle)
                defer { connection.close() }
                var run: [Migration] = []
                for migration in migrations {
                    // Immediate: two programs that start at once take turns, and the second finds the work done.
                    try database.inTransaction(.immediate) {
                        let transaction = SQLiteTransaction(connection: connection)
                        let missing = try SchemaCheck.missing(migrations, applied: try Self.applied(in: transaction))
                        guard missing.contains(migration) else { return .commit }
                        try transaction.execute(AppliedMigration.createTable, [])
                        for statement in migration.statements { try database.execute(sql: statement) }
                        try AppliedMigration.note(migration, in: transaction)
                        run.append(migration)
                        return .commit
                    }
                }
                return run
            }
        }
    }

    private static let closed = LatchkeyError(.storeUnavailable, "the database is closed")

    private func mappingErrors<R>(_ body: () async throws -> R) async throws -> R {
        do { return try await body() } catch let error as DatabaseError {
            throw SQLiteError.error(error.extendedResultCode.rawValue, nil)
        }
    }
}
