import LatchkeyCore

/// Statements on one connection between BEGIN and COMMIT. What needs no answer travels with what comes next.
final class PostgreSQLTransaction: SQLTransaction {
    private let connection: PostgreSQLConnection
    /// For each wait of its own: a transaction that makes progress is not given up.
    private let patience: Duration
    private var user: [UInt8]?
    private var seesEveryone = false

    init(_ connection: PostgreSQLConnection, patience: Duration) {
        self.connection = connection
        self.patience = patience
    }

    /// - Returns: by what a later connection tells whether this transaction is still under way.
    func begin(_ statement: SQLStatement = begin) throws -> PostgreSQLAttempt {
        try connection.send(statement, .none, isIgnored: true)
        guard connection.isPooled else { return PostgreSQLAttempt(backend: connection.backend) }
        var attempt: PostgreSQLAttempt?
        try run(PostgreSQLAttempt.identify, []) { row in
            attempt = PostgreSQLAttempt(processID: row.integer(0), transactionStartedAt: row.text(1))
        }
        guard let attempt else { throw PostgreSQLFailure.lost }
        return attempt
    }

    func query(
        _ statement: SQLStatement, _ values: [SQLValue], _ onRow: (any SQLRow) throws -> Void
    ) throws {
        _ = try run(statement, values, onRow)
    }

    @discardableResult
    func execute(_ statement: SQLStatement, _ values: [SQLValue]) throws -> Int {
        try run(statement, values) { _ in }.changedRows
    }

    func send(_ statement: SQLStatement, _ values: [SQLValue]) throws {
        try tellScope(of: statement, values)
        try connection.send(statement, try PostgreSQLParameters(values), isIgnored: true)
    }

    @discardableResult
    private func run(
        _ statement: SQLStatement, _ values: [SQLValue], _ onRow: (any SQLRow) throws -> Void
    ) throws -> PostgreSQLResult {
        try tellScope(of: statement, values)
        try connection.send(statement, try PostgreSQLParameters(values))
        try connection.sendFlushRequest()
        guard let result = try connection.receive(until: .now + patience) else { throw PostgreSQLFailure.lost }
        try result.forEachRow(onRow)
        return result
    }

    /// Tells row-level security whose rows come next, where it has not been told already.
    private func tellScope(of statement: SQLStatement, _ values: [SQLValue]) throws {
        let everyone = statement.scope == .everyone
        if everyone != seesEveryone, statement.scope != .none {
            let scope = everyone ? PostgreSQLCall.seeEveryone : PostgreSQLCall.seeOneUser
            try connection.send(scope, .none, isIgnored: true)
            seesEveryone = everyone
        }
        guard statement.scope == .owner, let owner = values.first, owner.utf8 != user else { return }
        try connection.send(PostgreSQLCall.setUser, try PostgreSQLParameters([owner]), isIgnored: true)
        user = owner.utf8
    }

    /// - Throws: `PostgreSQLFailure.refused`: it was rolled back. `.lost`: nobody knows.
    func commit() throws {
        try connection.send(Self.commit, .none)
        try connection.sendSync()
        let deadline = ContinuousClock.Instant.now + patience
        let result: PostgreSQLResult?
        do { result = try connection.receive(until: deadline) } catch PostgreSQLFailure.refused(let state) {
            _ = try? connection.drain(until: deadline)
            try rollback()
            throw PostgreSQLFailure.refused(state)
        }
        _ = try connection.drain(until: deadline)
        // A transaction that had failed answers COMMIT with ROLLBACK.
        guard result?.commandTag == "COMMIT" else { throw PostgreSQLFailure.refused(SQLState(rawValue: "25P02")) }
    }

    /// Undoes everything, whatever was refused before. A connection on which that fails is given up, and the server
    /// undoes it by itself.
    func rollback() throws {
        let deadline = ContinuousClock.Instant.now + patience
        do {
            // The first sync ends a refused pipeline; only then is ROLLBACK listened to.
            try connection.sendSync()
            _ = try connection.drain(until: deadline)
            try connection.send(Self.rollback, .none, isIgnored: true)
            try connection.sendSync()
            _ = try connection.drain(until: deadline)
        } catch {
            connection.giveUp()
            throw error
        }
    }

    static let begin = SQLStatement("begin", "BEGIN ISOLATION LEVEL READ COMMITTED")
    static let beginSnapshot = SQLStatement(
        "begin.snapshot", "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
    private static let commit = SQLStatement("commit", "COMMIT")
    private static let rollback = SQLStatement("rollback", "ROLLBACK")
}

extension SQLValue {
    fileprivate var utf8: [UInt8]? {
        switch self {
        case .text(let text): Array(text.utf8)
        case .utf8(let bytes): bytes
        default: nil
        }
    }
}
