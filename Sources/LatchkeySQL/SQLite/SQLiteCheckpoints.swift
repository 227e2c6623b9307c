import Dispatch
import GRDBSQLite
import LatchkeyCore
import Synchronization

/// Copies the log (WAL) into the database file on a thread of its own, beside the writer: nobody's commit waits for it.
// SAFETY: `connection` is used on the serial `queue` alone.
final class SQLiteCheckpoints: @unchecked Sendable {
    private let queue = DispatchQueue(label: "latchkey.sqlite.checkpoint")
    private let connection: SQLiteConnection
    private let isUnderWay = Mutex(false)

    /// - Throws: `store_unavailable`.
    init(path: String) throws { connection = try SQLiteConnection(writingTo: path) }

    /// - Parameter done: called when most of it is copied. What was written meanwhile is not.
    func begin(_ done: @escaping @Sendable () -> Void) {
        let isFirst = isUnderWay.withLock { isUnderWay in
            defer { isUnderWay = true }
            return !isUnderWay
        }
        guard isFirst else { return }
        queue.async {
            self.connection.checkpoint()
            self.isUnderWay.withLock { $0 = false }
            done()
        }
    }

    func close() { queue.sync { connection.close() } }
}

/// How long a connection's log has become. Counting it takes the place of SQLite's own checkpoints, which would be made
/// within somebody's commit.
// SAFETY: SQLite calls the hook within a commit, on the thread that uses the connection.
final class SQLiteLog: @unchecked Sendable {
    var pages: Int32 = 0

    init(of connection: SQLiteConnection) {
        // Unretained: the writer owns both, and closes the connection first.
        sqlite3_wal_hook(
            connection.handle,
            { log, _, _, pages in
                guard let log else { return SQLITE_OK }
                Unmanaged<SQLiteLog>.fromOpaque(log).takeUnretainedValue().pages = pages
                return SQLITE_OK
            }, Unmanaged.passUnretained(self).toOpaque())
    }
}
