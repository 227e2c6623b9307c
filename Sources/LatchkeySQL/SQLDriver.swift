/// A database under `SQLStore`: runs portable statements, nothing more. SQLite is one driver, PostgreSQL another.
package protocol SQLDriver: Sendable {
    /// One statement that only reads, outside any transaction. The hot path: no hop where the driver can avoid one.
    ///
    /// A callback and not a generic result: through an existential driver a generic one would be copied by way of its
    /// type's metadata, at several times the cost of the read.
    func query(
        _ statement: SQLStatement, _ values: [SQLValue], _ onRow: (any SQLRow) throws -> Void
    ) async throws

    /// One statement that writes. Durable when it returns; it may share its commit with others.
    /// - Parameter evidence: tells, after a connection was lost during a commit, whether the statement took effect.
    /// - Returns: the number of rows it changed.
    @discardableResult
    func execute(_ statement: SQLStatement, _ values: [SQLValue], evidence: SQLEvidence?) async throws -> Int

    /// Several statements that happen together or not at all. Durable when it returns.
    ///
    /// `body` runs on the driver's own thread and never waits for anything but the database. It may run again where
    /// the database undid it: after a deadlock, or a lost connection.
    /// - Parameter evidence: tells, after a connection was lost during the commit, whether the transaction took
    ///   effect. nil where doing it twice does no harm.
    func transaction<Result: Sendable>(
        evidence: SQLEvidence?, _ body: @escaping @Sendable (any SQLTransaction) throws -> Result
    ) async throws -> Result

    /// Reads everything as of one moment, for as long as `body` runs, beside whatever is written meanwhile.
    ///
    /// `body` runs on a thread of its own, on a connection of its own; statements that write are refused.
    func snapshot<Result: Sendable>(
        _ body: @escaping @Sendable (any SQLTransaction) throws -> Result
    ) async throws -> Result

    /// Runs the migrations that are missing, in order, each in a transaction of its own.
    func migrate(_ migrations: [Migration]) async throws -> [Migration]

    /// What `migrate` has run so far; empty for a new database.
    func appliedMigrations() async throws -> [AppliedMigration]

    var dialect: SQLDialect { get }

    /// What other nodes change, where a database is shared by several; nil where there is one node.
    var changes: (any SQLChangeFeed)? { get }

    /// Ends what is under way and lets go of the database.
    func close() async
}

extension SQLDriver {
    package var changes: (any SQLChangeFeed)? { nil }

    @discardableResult
    package func execute(_ statement: SQLStatement, _ values: [SQLValue]) async throws -> Int {
        try await execute(statement, values, evidence: nil)
    }

    package func transaction<Result: Sendable>(
        _ body: @escaping @Sendable (any SQLTransaction) throws -> Result
    ) async throws -> Result {
        try await transaction(evidence: nil, body)
    }
}

/// A query that has a row exactly when a write took effect.
///
/// Where the connection is lost between COMMIT and its answer, nobody knows whether the write happened. Doing it again
/// blindly would make it happen twice; the driver asks this first.
package struct SQLEvidence: Sendable {
    package let statement: SQLStatement
    package let values: [SQLValue]

    package init(_ statement: SQLStatement, _ values: [SQLValue]) {
        self.statement = statement
        self.values = values
    }
}

/// Tells other nodes what was changed here, and hears what was changed there.
package protocol SQLChangeFeed: Sendable {
    /// From now on what is heard goes to `observer`.
    func observe(_ observer: SQLChangeObserver)

    /// Tells everybody who listens, soon and without waiting.
    func announce(_ change: String)

    /// Whether changes are being heard now: nothing that was announced more than a second ago is still to come.
    var isLive: Bool { get }
}

package struct SQLChangeObserver: Sendable {
    /// Another node, or this one, has changed what the text names.
    package let changed: @Sendable (String) -> Void
    /// Something may have been missed.
    package let missed: @Sendable () -> Void

    package init(changed: @escaping @Sendable (String) -> Void, missed: @escaping @Sendable () -> Void) {
        self.changed = changed
        self.missed = missed
    }
}

/// Inside a transaction: statements run one after the other, at once.
package protocol SQLTransaction {
    func query(
        _ statement: SQLStatement, _ values: [SQLValue], _ onRow: (any SQLRow) throws -> Void
    ) throws

    @discardableResult
    func execute(_ statement: SQLStatement, _ values: [SQLValue]) throws -> Int

    /// A statement that writes and whose count nobody asks for: it may travel together with the commit. What is wrong
    /// with it is thrown here or fails the commit.
    func send(_ statement: SQLStatement, _ values: [SQLValue]) throws
}

/// One row of a result. A column that is NULL or not of the asked type is nil: what a row means is the store's question.
package protocol SQLRow {
    func text(_ column: Int) -> String?
    /// The UTF-8 bytes of a text column, without making a `String` of them.
    func bytes(_ column: Int) -> [UInt8]?
    func integer(_ column: Int) -> Int64?
    func bool(_ column: Int) -> Bool?
    func withText<R>(_ column: Int, _ body: (UnsafeBufferPointer<UInt8>) -> R) -> R?
}

package enum SQLDialect: Sendable { case sqlite, postgresql }

/// A portable statement with `$1`, `$2`, … for its values, prepared once per connection under its name.
package struct SQLStatement: Sendable, Hashable {
    /// Whose rows it may see: what row-level security is told before it runs, where the database has that.
    package enum Scope: Sendable {
        /// It touches no table with users' rows.
        case none
        /// The rows of one user, named by `$1`.
        case owner
        /// Every user's rows: walks, counts, the list of keys that are due.
        case everyone
    }

    package let name: String
    package let sql: String
    package let scope: Scope
    /// Whether the rows it reads are to stay as they are until the transaction ends, where writers run side by side.
    package let locksRows: Bool

    package init(_ name: String, _ sql: String, scope: Scope = .none, locksRows: Bool = false) {
        self.name = name
        self.sql = sql
        self.scope = scope
        self.locksRows = locksRows
    }

    package static func == (lhs: Self, rhs: Self) -> Bool { lhs.name == rhs.name }
    package func hash(into hasher: inout Hasher) { hasher.combine(name) }
}

/// A value for a statement. Times go as text in SQL's form (`Timestamp.sql`).
package enum SQLValue: Sendable {
    case null
    case integer(Int64)
    case bool(Bool)
    case text(String)
    /// UTF-8 text that is already bytes.
    case utf8([UInt8])
}
