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
    /// - Returns: the number of rows it changed.
    @discardableResult
    func execute(_ statement: SQLStatement, _ values: [SQLValue]) async throws -> Int

    /// Several statements that happen together or not at all. Durable when it returns.
    ///
    /// `body` runs on the driver's own thread and never waits for anything but the database.
    func transaction<Result: Sendable>(
        _ body: @escaping @Sendable (any SQLTransaction) throws -> Result
    ) async throws -> Result

    /// Runs the migrations that are missing, in order, each in a transaction of its own.
    func migrate(_ migrations: [Migration]) async throws -> [Migration]

    /// What `migrate` has run so far; empty for a new database.
    func appliedMigrations() async throws -> [AppliedMigration]

    var dialect: SQLDialect { get }
}

/// Inside a transaction: statements run one after the other, at once.
package protocol SQLTransaction {
    func query(
        _ statement: SQLStatement, _ values: [SQLValue], _ onRow: (any SQLRow) throws -> Void
    ) throws

    @discardableResult
    func execute(_ statement: SQLStatement, _ values: [SQLValue]) throws -> Int
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
    package let name: String
    package let sql: String

    package init(_ name: String, _ sql: String) {
        self.name = name
        self.sql = sql
    }
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
