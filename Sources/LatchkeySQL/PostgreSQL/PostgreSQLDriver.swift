import Foundation
import LatchkeyCore

/// Portable statements on PostgreSQL through libpq: reads on pipelined connections, single writes that share commits,
/// transactions on a pool, a listener for what other nodes change. Each connection has a thread; no call waits on an
/// event loop.
package final class PostgreSQLDriver: SQLDriver {
    private let configuration: PostgreSQLConfiguration
    private let readers: PostgreSQLReaders
    private let appender: PostgreSQLAppender
    private let workers: PostgreSQLWorkers
    private let feed: PostgreSQLChanges

    package let dialect = SQLDialect.postgresql
    package var changes: (any SQLChangeFeed)? { feed }

    /// Connects once, to say at the start what is wrong with the settings.
    ///
    /// - Throws: `configuration` for what will not pass by itself, `store_unavailable` for what may.
    package init(_ configuration: PostgreSQLConfiguration) throws {
        let first = try PostgreSQLConnection(configuration)
        self.configuration = configuration
        readers = PostgreSQLReaders(configuration, first: first)
        appender = PostgreSQLAppender(configuration)
        workers = PostgreSQLWorkers(configuration)
        feed = PostgreSQLChanges(configuration, appender: appender)
    }

    package func query(
        _ statement: SQLStatement, _ values: [SQLValue], _ onRow: (any SQLRow) throws -> Void
    ) async throws {
        try await readers.query(statement, values).forEachRow(onRow)
    }

    @discardableResult
    package func execute(
        _ statement: SQLStatement, _ values: [SQLValue], evidence: SQLEvidence?
    ) async throws -> Int {
        try await appender.execute(statement, values, evidence: evidence)
    }

    package func transaction<Result: Sendable>(
        evidence: SQLEvidence?, _ body: @escaping @Sendable (any SQLTransaction) throws -> Result
    ) async throws -> Result {
        try await workers.run(evidence: evidence, body)
    }

    package func snapshot<Result: Sendable>(
        _ body: @escaping @Sendable (any SQLTransaction) throws -> Result
    ) async throws -> Result {
        try await onConnection { connection, patience in
            let transaction = PostgreSQLTransaction(connection, patience: patience)
            _ = try transaction.begin(PostgreSQLTransaction.beginSnapshot)
            defer { try? transaction.rollback() }
            return try body(transaction)
        }
    }

    /// Work on a connection and a thread of its own, with more patience than a request has.
    func onConnection<Result: Sendable>(
        _ body: @escaping @Sendable (PostgreSQLConnection, Duration) throws -> Result
    ) async throws -> Result {
        var configuration = configuration
        configuration.patience = max(configuration.patience, .seconds(300))
        let own = configuration
        return try await withCheckedThrowingContinuation { continuation in
            let thread = Thread {
                continuation.resume(
                    with: Swift.Result {
                        do {
                            return try body(try PostgreSQLConnection(own), own.patience)
                        } catch let failure as PostgreSQLFailure {
                            throw PostgreSQLError.error(failure)
                        }
                    })
            }
            thread.name = "pg-own"
            thread.start()
        }
    }

    /// What is under way is still done. Waits for threads, so off the cooperative pool.
    package func close() async {
        await withCheckedContinuation { continuation in
            Thread { [self] in
                feed.close()
                readers.close()
                workers.close()
                appender.close()
                continuation.resume()
            }.start()
        }
    }
}

// Migrations
extension PostgreSQLDriver {
    private static let findTable = SQLStatement(
        "schema_migrations.exists", "SELECT 1 WHERE to_regclass('schema_migrations') IS NOT NULL")
    /// Held to the end of the transaction: of nodes that start at once one migrates, the others wait and find it done.
    private static let lock = SQLStatement(
        "schema_migrations.lock", "SELECT pg_advisory_xact_lock(\(0x6C61_7463_686B_6579 as Int64))")

    package func appliedMigrations() async throws -> [AppliedMigration] {
        try await onConnection { connection, patience in
            let transaction = PostgreSQLTransaction(connection, patience: patience)
            _ = try transaction.begin()
            defer { try? transaction.rollback() }
            return try Self.applied(in: transaction)
        }
    }

    private static func applied(in transaction: any SQLTransaction) throws -> [AppliedMigration] {
        var exists = false
        try transaction.query(findTable, []) { _ in exists = true }
        return exists ? try AppliedMigration.all(in: transaction, .postgresql) : []
    }

    package func migrate(_ migrations: [Migration]) async throws -> [Migration] {
        try await onConnection { connection, patience in
            var run: [Migration] = []
            for migration in migrations {
                let transaction = PostgreSQLTransaction(connection, patience: patience)
                do {
                    _ = try transaction.begin()
                    if try Self.step(migration, of: migrations, in: transaction) { run.append(migration) }
                    try transaction.commit()
                } catch PostgreSQLFailure.refused(let state) where state.isAboutPrivileges {
                    try transaction.rollback()
                    throw LatchkeyError(
                        .configuration, "the database role may not migrate the schema (SQLSTATE 42501)",
                        hint: "run latchkey migrate as the owner of the database, with --grant for this role")
                } catch PostgreSQLFailure.lost {
                    throw PostgreSQLFailure.lost
                } catch {
                    try transaction.rollback()
                    throw error
                }
            }
            return run
        }
    }

    /// - Returns: whether it was missing.
    private static func step(
        _ migration: Migration, of migrations: [Migration], in transaction: PostgreSQLTransaction
    ) throws -> Bool {
        try transaction.query(lock, []) { _ in }
        let missing = try SchemaCheck.missing(migrations, applied: try applied(in: transaction))
        guard missing.contains(migration) else { return false }
        try transaction.execute(AppliedMigration.createTable, [])
        for (index, sql) in migration.statements.enumerated() {
            try transaction.execute(SQLStatement("migration.\(migration.version).\(index)", sql), [])
        }
        try AppliedMigration.note(migration, in: transaction)
        return true
    }

    /// What the service's role may not do and has to: `INSERT on audit_events`, …
    package func missingPrivileges() async throws -> [String] {
        var missing: [String] = []
        for (privileges, tables) in Grants.tables {
            for table in tables {
                for privilege in privileges {
                    try await query(Grants.has, [.text(table), .text(privilege)]) { row in
                        if row.bool(0) != true { missing.append("\(privilege) on \(table)") }
                    }
                }
            }
        }
        for sequence in Grants.sequences {
            try await query(Grants.hasSequence, [.text(sequence)]) { row in
                if row.bool(0) != true { missing.append("USAGE on \(sequence)") }
            }
        }
        return missing
    }

    /// Whether row-level security holds for the role that is connected: not for a superuser.
    package func isUnderRowSecurity() async throws -> Bool {
        var isUnder = true
        try await query(Self.bypasses, []) { isUnder = $0.bool(0) == false }
        return isUnder
    }

    private static let bypasses = SQLStatement(
        "role.bypasses", "SELECT rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = current_user")

    /// Lets a role run the service, and no more: read and write keys, add audit events, change no schema.
    ///
    /// - Throws: `configuration` when there is no such role.
    package func grant(to role: String) async throws {
        try await onConnection { connection, patience in
            let transaction = PostgreSQLTransaction(connection, patience: patience)
            do {
                _ = try transaction.begin()
                var quoted: String?
                try transaction.query(Grants.find, [.text(role)]) { quoted = $0.text(0) }
                guard let quoted else {
                    throw LatchkeyError(
                        .configuration, "there is no database role of the name given to --grant",
                        hint: "CREATE ROLE … LOGIN PASSWORD '…', then run this again")
                }
                for (index, sql) in Grants.statements(role: quoted).enumerated() {
                    try transaction.execute(SQLStatement("grant.\(index)", sql), [])
                }
                try transaction.commit()
            } catch PostgreSQLFailure.lost {
                throw PostgreSQLFailure.lost
            } catch {
                try transaction.rollback()
                throw error
            }
        }
    }
}
