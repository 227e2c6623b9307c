import LatchkeyCore

/// A transaction whose answer to COMMIT may be lost, by what the server knows it: enough to find out afterwards.
///
/// A connection that broke says nothing about what the server does: it may have committed, may be about to, or may still
/// have our statements unread in its socket. So first what is left of the old session is ended, then the evidence is
/// looked for. Only in that order is "not there" an answer.
struct PostgreSQLAttempt: Sendable {
    private let processID: Int64
    /// When the server process began, or, through a pooler, when the transaction did: the process is not ours alone
    /// there.
    private let startedAt: String
    private let isPooled: Bool

    init(backend: PostgreSQLConnection.Backend) {
        processID = backend.processID
        startedAt = backend.startedAt
        isPooled = false
    }

    init?(processID: Int64?, transactionStartedAt: String?) {
        guard let processID, let transactionStartedAt else { return nil }
        self.processID = processID
        startedAt = transactionStartedAt
        isPooled = true
    }

    /// Through a pooler: which server process this transaction is on, and its start (`now()` is that).
    static let identify = SQLStatement("attempt.identify", "SELECT pg_backend_pid(), now()")

    /// Whether the transaction took effect.
    ///
    /// - Throws: `PostgreSQLFailure` when it cannot be told yet.
    func tookEffect(
        _ evidence: SQLEvidence, on connection: PostgreSQLConnection, patience: Duration
    ) throws -> Bool {
        let transaction = PostgreSQLTransaction(connection, patience: patience)
        do {
            _ = try transaction.begin()
            var isGone = true
            let end = isPooled ? Self.endTransaction : Self.endSession
            try transaction.query(end, [.integer(processID), .text(startedAt)]) { isGone = $0.bool(0) ?? false }
            guard isGone else { throw PostgreSQLFailure.lost }
            try transaction.commit()
            return try look(for: evidence, on: connection, patience: patience)
        } catch PostgreSQLFailure.refused(let state) {
            try transaction.rollback()
            throw PostgreSQLFailure.refused(state)
        }
    }

    /// In a transaction of its own, begun after the other has ended.
    private func look(
        for evidence: SQLEvidence, on connection: PostgreSQLConnection, patience: Duration
    ) throws -> Bool {
        let transaction = PostgreSQLTransaction(connection, patience: patience)
        _ = try transaction.begin()
        var isThere = false
        try transaction.query(evidence.statement, evidence.values) { _ in isThere = true }
        // With a synchronous standby: this commit is answered once the standby has everything up to here, the commit
        // that was in doubt included. Without it we would acknowledge what a failover still loses.
        if isThere { try transaction.send(Self.writeAhead, []) }
        try transaction.commit()
        return isThere
    }

    /// At most two seconds are waited for its end; false when it has not ended by then.
    private static let endSession = SQLStatement(
        "attempt.end_session",
        "SELECT pg_terminate_backend(pid, 2000) FROM pg_stat_activity WHERE pid = $1 AND backend_start = $2")
    private static let endTransaction = SQLStatement(
        "attempt.end_transaction",
        "SELECT pg_terminate_backend(pid, 2000) FROM pg_stat_activity WHERE pid = $1 AND xact_start = $2")
    private static let writeAhead = SQLStatement(
        "attempt.write_ahead", "SELECT pg_logical_emit_message(true, 'latchkey', '')")
}
