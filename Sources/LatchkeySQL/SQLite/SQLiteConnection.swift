import GRDBSQLite
import LatchkeyCore

/// One SQLite connection with its prepared statements. Used by one thread at a time: a reader under its lock, the writer
/// on its queue.
final class SQLiteConnection {
    let handle: OpaquePointer
    private let ownsHandle: Bool
    private var statements: [String: OpaquePointer] = [:]
    private var isClosed = false

    /// A connection of our own, for reading.
    ///
    /// - Throws: `store_unavailable`.
    convenience init(readingFrom path: String) throws {
        try self.init(opening: path, SQLITE_OPEN_READONLY)
    }

    /// A connection of our own to a file that is there and in WAL mode, for writing.
    ///
    /// - Throws: `store_unavailable`.
    convenience init(writingTo path: String) throws {
        try self.init(opening: path, SQLITE_OPEN_READWRITE)
        for pragma in Self.pragmas { try run(SQLStatement(pragma, pragma), []) }
    }

    private static let pragmas = [
        // A commit is on disk when it returns, also after a power cut.
        "PRAGMA synchronous = FULL",
        // Deleted rows are overwritten: a sealed key that its owner removed is not left in free pages.
        "PRAGMA secure_delete = ON",
        "PRAGMA foreign_keys = ON",
    ]

    private init(opening path: String, _ flags: Int32) throws {
        var handle: OpaquePointer?
        // NOMUTEX: who may use this connection is settled by its owner.
        let status = sqlite3_open_v2(path, &handle, flags | SQLITE_OPEN_NOMUTEX, nil)
        guard status == SQLITE_OK, let handle else {
            let error = SQLiteError.error(status, handle)
            sqlite3_close_v2(handle)
            throw error
        }
        sqlite3_busy_timeout(handle, 5000)
        self.handle = handle
        self.ownsHandle = true
    }

    /// Copies as much of the log into the file as can be copied without waiting for anybody. What cannot be is copied
    /// another time.
    func checkpoint() {
        guard !isClosed else { return }
        sqlite3_wal_checkpoint_v2(handle, nil, SQLITE_CHECKPOINT_PASSIVE, nil, nil)
    }

    /// Somebody else's connection, which outlives this object.
    init(borrowing handle: OpaquePointer) {
        self.handle = handle
        self.ownsHandle = false
    }

    deinit { close() }

    /// Ends every statement, and the connection if it is ours. Nothing runs on it afterwards.
    func close() {
        guard !isClosed else { return }
        isClosed = true
        for statement in statements.values { sqlite3_finalize(statement) }
        statements = [:]
        if ownsHandle { sqlite3_close_v2(handle) }
    }

    /// Runs a statement to its end.
    ///
    /// - Returns: the number of rows changed by a statement that writes.
    @discardableResult
    func run(
        _ statement: SQLStatement, _ values: [SQLValue], onRow: (any SQLRow) throws -> Void = { _ in }
    ) throws -> Int {
        let prepared = try prepare(statement)
        // Reset whatever happens: a statement that is left open keeps its read transaction, and with it the WAL.
        defer {
            sqlite3_reset(prepared)
            sqlite3_clear_bindings(prepared)
        }
        for (index, value) in values.enumerated() { try bind(value, at: Int32(index + 1), of: prepared) }
        while true {
            switch sqlite3_step(prepared) {
            case SQLITE_ROW: try onRow(SQLiteRow(statement: prepared))
            case SQLITE_DONE: return Int(sqlite3_changes(handle))
            case let status: throw SQLiteError.error(status, handle)
            }
        }
    }

    /// Whether no transaction is open. SQLite rolls a transaction back by itself on some errors, a full disk among them.
    var isOutsideTransaction: Bool { isClosed || sqlite3_get_autocommit(handle) != 0 }

    private func prepare(_ statement: SQLStatement) throws -> OpaquePointer {
        if let prepared = statements[statement.name] { return prepared }
        guard !isClosed else { throw LatchkeyError(.storeUnavailable, "the database is closed") }
        // Portable SQL writes $1; SQLite would take that for a name and number it by first appearance. ?1 is a number.
        let sql = statement.sql.replacing("$", with: "?")
        var prepared: OpaquePointer?
        let status = sqlite3_prepare_v3(handle, sql, -1, UInt32(SQLITE_PREPARE_PERSISTENT), &prepared, nil)
        guard status == SQLITE_OK, let prepared else { throw SQLiteError.error(status, handle) }
        statements[statement.name] = prepared
        return prepared
    }

    private func bind(_ value: SQLValue, at index: Int32, of statement: OpaquePointer) throws {
        let status =
            switch value {
            case .null: sqlite3_bind_null(statement, index)
            case .integer(let number): sqlite3_bind_int64(statement, index, number)
            case .bool(let flag): sqlite3_bind_int64(statement, index, flag ? 1 : 0)
            case .text(var text):
                text.withUTF8 { Self.bindText($0, at: index, of: statement) }
            case .utf8(let bytes):
                bytes.withUnsafeBufferPointer { Self.bindText($0, at: index, of: statement) }
            }
        guard status == SQLITE_OK else { throw SQLiteError.error(status, handle) }
    }

    private static func bindText(
        _ text: UnsafeBufferPointer<UInt8>, at index: Int32, of statement: OpaquePointer
    ) -> Int32 {
        text.withMemoryRebound(to: CChar.self) { text in
            // An empty buffer has no address, and a null address would bind NULL.
            guard let base = text.baseAddress else { return sqlite3_bind_text(statement, index, "", 0, transient) }
            return sqlite3_bind_text(statement, index, base, Int32(clamping: text.count), transient)
        }
    }

    /// SQLITE_TRANSIENT, a macro that Swift does not import: SQLite copies the text.
    private static let transient = unsafeBitCast(-1, to: sqlite3_destructor_type.self)
}

/// The current row of a statement; valid only inside `onRow`.
struct SQLiteRow: SQLRow {
    let statement: OpaquePointer

    func withText<R>(_ column: Int, _ body: (UnsafeBufferPointer<UInt8>) -> R) -> R? {
        let column = Int32(column)
        guard sqlite3_column_type(statement, column) != SQLITE_NULL,
            let text = sqlite3_column_text(statement, column)
        else { return nil }
        return body(UnsafeBufferPointer(start: text, count: Int(sqlite3_column_bytes(statement, column))))
    }

    func text(_ column: Int) -> String? { withText(column) { String(decoding: $0, as: UTF8.self) } }

    func bytes(_ column: Int) -> [UInt8]? { withText(column) { Array($0) } }

    func integer(_ column: Int) -> Int64? {
        guard sqlite3_column_type(statement, Int32(column)) == SQLITE_INTEGER else { return nil }
        return sqlite3_column_int64(statement, Int32(column))
    }

    func bool(_ column: Int) -> Bool? { integer(column).map { $0 != 0 } }
}

/// SQLite's status codes as our error: one sentence, never the statement's values.
enum SQLiteError {
    static func error(_ status: Int32, _ handle: OpaquePointer?) -> LatchkeyError {
        let (reason, hint): (String, String?) =
            switch status & 0xFF {
            case SQLITE_FULL: ("the disk is full", "make room; nothing was half-written")
            case SQLITE_BUSY, SQLITE_LOCKED:
                ("another program holds the database's write lock", "end it, or wait until it is done")
            case SQLITE_READONLY:
                ("the database cannot be written", "check the owner and mode of the file and its folder")
            case SQLITE_CANTOPEN: ("the database file cannot be opened", "check that its folder exists and is writable")
            case SQLITE_NOTADB: ("the file is not a SQLite database", "check the path in DATABASE_URL")
            case SQLITE_CORRUPT: ("the database file is damaged", "restore it from a backup")
            case SQLITE_IOERR: ("the disk answered with an error", "check the disk and its file system")
            case SQLITE_CONSTRAINT: ("a value does not fit the schema", nil)
            case SQLITE_ERROR: ("the database has not the expected tables", "run latchkey migrate")
            default: ("SQLite answered with error \(status)", nil)
            }
        return LatchkeyError(.storeUnavailable, reason, hint: hint)
    }
}
