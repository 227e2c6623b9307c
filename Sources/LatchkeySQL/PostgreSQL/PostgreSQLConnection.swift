import CLibPQ
import LatchkeyCore

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// One libpq connection in pipeline mode: statements are sent without waiting for the answers of those before them, and
/// the answers come in order (PostgreSQL's documentation, "Pipeline Mode").
///
/// Between two syncs everything is one transaction, by itself or with BEGIN and COMMIT. Used by one thread at a time.
package final class PostgreSQLConnection {
    private let handle: OpaquePointer
    /// What the next results answer.
    private var expected: [Expected] = []
    private var nextExpected = 0
    private var prepared: Set<String> = []
    /// Whether something between us and the server (PgBouncer) gives each transaction another server connection.
    /// Then nothing that is kept on the server connection can be relied on: prepared statements, LISTEN, SET.
    let isPooled: Bool
    /// Which server process it is: its id and when it began. What is left of a lost connection is found by it.
    let backend: Backend

    struct Backend: Sendable, Equatable {
        var processID: Int64
        var startedAt: String
    }

    private enum Expected {
        case parse(String)
        case ignored
        case statement
        case sync
    }

    /// Connects, to the first host of the URL that fits.
    ///
    /// - Throws: `configuration` for what will not pass by itself, `store_unavailable` for what may.
    package init(_ configuration: PostgreSQLConfiguration) throws {
        guard let handle = configuration.withKeywords({ PQconnectdbParams($0, $1, 1) }) else {
            throw LatchkeyError(.storeUnavailable, "there is no memory for a database connection")
        }
        do {
            guard PQstatus(handle) == CONNECTION_OK else { throw PostgreSQLError.connecting(handle) }
            // Notices go nowhere: by default libpq writes them to standard error.
            _ = PQsetNoticeProcessor(handle, { _, _ in }, nil)
            guard PQsetnonblocking(handle, 1) == 0 else { throw PostgreSQLError.lost }
            let backend = try Self.identify(handle, configuration)
            // PgBouncer makes up the process id that it tells its clients.
            isPooled = backend.processID != Int64(PQbackendPID(handle))
            self.backend = backend
            if !isPooled { try Self.settle(handle, configuration) }
            guard PQenterPipelineMode(handle) == 1 else { throw PostgreSQLError.lost }
        } catch {
            PQfinish(handle)
            throw error
        }
        self.handle = handle
    }

    deinit { PQfinish(handle) }

    private static func identify(
        _ handle: OpaquePointer, _ configuration: PostgreSQLConfiguration
    ) throws -> Backend {
        let sql = "SELECT pid, backend_start FROM pg_stat_activity WHERE pid = pg_backend_pid()"
        let result = try ask(sql, handle, until: .now + configuration.patience)
        var backend: Backend?
        result.forEachRow { row in
            if let id = row.integer(0) { backend = Backend(processID: id, startedAt: row.text(1) ?? "") }
        }
        guard let backend else { throw PostgreSQLError.connecting(handle) }
        return backend
    }

    /// On a connection that is ours alone, the server gives a statement up before we do.
    private static func settle(_ handle: OpaquePointer, _ configuration: PostgreSQLConfiguration) throws {
        let timeout = configuration.statementMilliseconds
        let sql = "SET statement_timeout = \(timeout); SET idle_in_transaction_session_timeout = \(timeout * 4)"
        let result = try ask(sql, handle, until: .now + configuration.patience)
        guard result.status == PGRES_COMMAND_OK else { throw PostgreSQLError.connecting(handle) }
    }

    /// The last result of simple statements. `connect_timeout` ends with the log-in: a pooler whose database is away, or
    /// a server that stopped right then, would be waited for without end by `PQexec`.
    private static func ask(
        _ sql: String, _ handle: OpaquePointer, until deadline: Instant
    ) throws -> PostgreSQLResult {
        guard PQsendQuery(handle, sql) == 1 else { throw PostgreSQLError.connecting(handle) }
        var last: PostgreSQLResult?
        while true {
            do { try waitForResult(of: handle, until: deadline) } catch { throw PostgreSQLError.lost }
            guard let answer = PQgetResult(handle) else { break }
            last = PostgreSQLResult(answer)
        }
        guard let last else { throw PostgreSQLError.lost }
        return last
    }

    var socket: Int32 { PQsocket(handle) }
    var isUsable: Bool { !isGivenUp && PQstatus(handle) == CONNECTION_OK }
    /// Set when the two sides may disagree about what was asked and answered.
    private var isGivenUp = false
    func giveUp() { isGivenUp = true }
    /// Whether every answer has been received.
    var isIdle: Bool { nextExpected == expected.count }
}

// Sending
extension PostgreSQLConnection {
    /// Queues a call, and before it what row-level security has to be told.
    func send(_ call: PostgreSQLCall, isIgnored: Bool = false) throws {
        switch call.statement.scope {
        case .none: try send(call.statement, call.parameters, isIgnored: isIgnored)
        case .owner:
            try send(PostgreSQLCall.setUser, call.user, isIgnored: true)
            try send(call.statement, call.parameters, isIgnored: isIgnored)
        case .everyone:
            try send(PostgreSQLCall.seeEveryone, .none, isIgnored: true)
            try send(call.statement, call.parameters, isIgnored: isIgnored)
            try send(PostgreSQLCall.seeOneUser, .none, isIgnored: true)
        }
    }

    /// Queues a statement, prepared under its name the first time.
    ///
    /// - Parameter isIgnored: nobody asks for its result; an error in it surfaces in those that follow.
    func send(_ statement: SQLStatement, _ parameters: PostgreSQLParameters, isIgnored: Bool = false) throws {
        if isPooled {
            try sent(
                parameters.withPointers { count, pointers in
                    PQsendQueryParams(handle, text(of: statement), count, nil, pointers, nil, nil, 0)
                })
        } else {
            if prepared.insert(statement.name).inserted {
                try sent(PQsendPrepare(handle, statement.name, text(of: statement), 0, nil))
                expected.append(.parse(statement.name))
            }
            try sent(
                parameters.withPointers { count, pointers in
                    PQsendQueryPrepared(handle, statement.name, count, pointers, nil, nil, 0)
                })
        }
        expected.append(isIgnored ? .ignored : .statement)
    }

    private func text(of statement: SQLStatement) -> String {
        statement.locksRows ? statement.sql + " FOR UPDATE" : statement.sql
    }

    /// Ends the implicit transaction: everything since the last sync commits, or nothing does.
    func sendSync() throws {
        try sent(PQpipelineSync(handle))
        expected.append(.sync)
    }

    /// Asks the server to answer what it has got, without ending anything.
    func sendFlushRequest() throws { try sent(PQsendFlushRequest(handle)) }

    private func sent(_ status: Int32) throws {
        guard status == 1, !isGivenUp else { throw PostgreSQLFailure.lost }
    }
}

// Receiving
extension PostgreSQLConnection {
    typealias Instant = ContinuousClock.Instant

    /// The next statement's result; nil when an earlier statement of the same transaction was refused.
    ///
    /// - Throws: `PostgreSQLFailure.refused` when the server refused it; `.lost`, also at the deadline: the connection
    ///   is of no more use then.
    func receive(until deadline: Instant) throws -> PostgreSQLResult? {
        while !isIdle {
            let (kind, result) = try receiveOne(until: deadline)
            if case .statement = kind { return result }
        }
        throw PostgreSQLFailure.lost
    }

    /// Receives everything that is still to come.
    /// - Returns: the first refusal among it.
    func drain(until deadline: Instant) throws -> SQLState? {
        var refusal: SQLState?
        while !isIdle {
            do { _ = try receiveOne(until: deadline) } catch PostgreSQLFailure.refused(let state) {
                refusal = refusal ?? state
            }
        }
        return refusal
    }

    /// The same where nobody asks what was refused.
    func drainOrGiveUp(within time: Duration) {
        do { _ = try drain(until: .now + time) } catch { giveUp() }
    }

    private func receiveOne(until deadline: Instant) throws -> (Expected, PostgreSQLResult?) {
        let kind = expected[nextExpected]
        let result = try nextResult(of: kind, until: deadline)
        switch result.status {
        case PGRES_TUPLES_OK, PGRES_COMMAND_OK, PGRES_PIPELINE_SYNC: return (kind, result)
        default:
            // A statement that was not prepared has to be prepared the next time.
            if case .parse(let name) = kind { prepared.remove(name) }
            if result.status == PGRES_PIPELINE_ABORTED { return (kind, nil) }
            guard let state = result.sqlState, isUsable else { throw PostgreSQLFailure.lost }
            throw PostgreSQLFailure.refused(state)
        }
    }

    private func nextResult(of kind: Expected, until deadline: Instant) throws -> PostgreSQLResult {
        guard !isGivenUp else { throw PostgreSQLFailure.lost }
        try waitForResult(until: deadline)
        guard let answer = PQgetResult(handle) else { throw PostgreSQLFailure.lost }
        let result = PostgreSQLResult(answer)
        if case .sync = kind {
            guard result.status == PGRES_PIPELINE_SYNC else { throw PostgreSQLFailure.lost }
        } else {
            // Each statement's result is followed by one "no more".
            try waitForResult(until: deadline)
            guard PQgetResult(handle) == nil else { throw PostgreSQLFailure.lost }
        }
        nextExpected += 1
        if isIdle {
            expected.removeAll(keepingCapacity: true)
            nextExpected = 0
        }
        return result
    }

    private func waitForResult(until deadline: Instant) throws {
        try Self.waitForResult(of: handle, until: deadline)
    }

    private static func waitForResult(of handle: OpaquePointer, until deadline: Instant) throws {
        while true {
            let unsent = PQflush(handle)
            guard unsent >= 0 else { throw PostgreSQLFailure.lost }
            if unsent == 0, PQisBusy(handle) == 0 { return }
            let events = Int16(POLLIN) | (unsent == 1 ? Int16(POLLOUT) : 0)
            guard wait(for: events, on: PQsocket(handle), until: deadline) else { throw PostgreSQLFailure.lost }
            guard PQconsumeInput(handle) == 1 else { throw PostgreSQLFailure.lost }
        }
    }

    /// Sends what is queued, as far as it goes without waiting.
    func flush() throws {
        guard PQflush(handle) >= 0 else { throw PostgreSQLFailure.lost }
    }

    /// - Returns: false at the deadline.
    static func wait(for events: Int16, on socket: Int32, until deadline: Instant) -> Bool {
        while true {
            let left = ContinuousClock.now.duration(to: deadline)
            guard left > .zero else { return false }
            let milliseconds = left.components.seconds * 1000 + left.components.attoseconds / 1_000_000_000_000_000
            var descriptor = pollfd(fd: socket, events: events, revents: 0)
            let ready = poll(&descriptor, 1, Int32(clamping: milliseconds + 1))
            if ready > 0 { return true }
            if ready < 0, errno != EINTR { return true }
        }
    }
}

// Notifications
extension PostgreSQLConnection {
    /// Takes what has arrived so far, without waiting.
    ///
    /// - Throws: `PostgreSQLFailure.lost`.
    func notifications() throws -> [String] {
        guard PQconsumeInput(handle) == 1 else { throw PostgreSQLFailure.lost }
        var payloads: [String] = []
        while let notification = PQnotifies(handle) {
            if let payload = notification.pointee.extra { payloads.append(String(cString: payload)) }
            PQfreemem(notification)
        }
        return payloads
    }
}
