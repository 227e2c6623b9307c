import LatchkeyCore

/// Transactions of several statements, each on a connection of its own while it runs.
final class PostgreSQLWorkers: Sendable {
    private let queue: PostgreSQLQueue<TransactionJob>
    private let sessions: [PostgreSQLSession<TransactionJob>]
    private let patience: Duration

    init(_ configuration: PostgreSQLConfiguration) {
        let queue = PostgreSQLQueue<TransactionJob>(capacity: configuration.waiting)
        self.queue = queue
        patience = configuration.patience
        sessions = (0..<configuration.workers).map { index in
            PostgreSQLSession(configuration, queue: queue, batch: 1, isEager: index == 0) { connection, jobs in
                queue.putBack(jobs.filter { !$0.run(on: connection) })
            }
        }
        for (index, session) in sessions.enumerated() { session.start(named: "pg-write-\(index)") }
    }

    func run<R: Sendable>(
        evidence: SQLEvidence?, _ body: @escaping @Sendable (any SQLTransaction) throws -> R
    ) async throws -> R {
        try await withUnsafeThrowingContinuation { continuation in
            queue.submit(
                TypedTransactionJob(evidence: evidence, patience: patience, body: body, continuation: continuation))
        }
    }

    func close() {
        queue.close()
        for session in sessions { session.waitForEnd() }
    }
}

// SAFETY: handed from the caller to the queue, and touched by one session's thread at a time.
private class TransactionJob: PostgreSQLJob, @unchecked Sendable {
    let deadline: ContinuousClock.Instant

    init(deadline: ContinuousClock.Instant) { self.deadline = deadline }

    /// - Returns: false when it is to be tried again, on a new connection or this one.
    func run(on connection: PostgreSQLConnection) -> Bool { true }

    func fail(_ error: any Error) {}
}

// SAFETY: as its base class: one thread at a time.
private final class TypedTransactionJob<R: Sendable>: TransactionJob, @unchecked Sendable {
    private let evidence: SQLEvidence?
    private let patience: Duration
    private let body: @Sendable (any SQLTransaction) throws -> R
    private let continuation: UnsafeContinuation<R, any Error>
    /// A commit that was not answered, and what the caller is told if it took effect.
    private var inDoubt: (attempt: PostgreSQLAttempt, result: R)?
    private var attempts = 0

    init(
        evidence: SQLEvidence?, patience: Duration, body: @escaping @Sendable (any SQLTransaction) throws -> R,
        continuation: UnsafeContinuation<R, any Error>
    ) {
        self.evidence = evidence
        self.patience = patience
        self.body = body
        self.continuation = continuation
        super.init(deadline: .now + patience)
    }

    override func fail(_ error: any Error) {
        continuation.resume(throwing: inDoubt == nil ? error : PostgreSQLError.outcomeUnknown)
    }

    override func run(on connection: PostgreSQLConnection) -> Bool {
        attempts += 1
        do {
            if let inDoubt, let evidence {
                if try inDoubt.attempt.tookEffect(evidence, on: connection, patience: patience) {
                    continuation.resume(returning: inDoubt.result)
                    return true
                }
                self.inDoubt = nil
            }
            continuation.resume(returning: try runOnce(on: connection))
            return true
        } catch PostgreSQLFailure.refused(let state) {
            if state.endsTheSession { connection.giveUp() }
            let mayPass = state.isWorthARetry || state.endsTheSession || inDoubt != nil
            return mayPass && hasTime ? false : end(PostgreSQLError.error(state))
        } catch PostgreSQLFailure.lost {
            connection.giveUp()
            return hasTime ? false : end(PostgreSQLError.lost)
        } catch {
            return end(error)
        }
    }

    private var hasTime: Bool { attempts < 64 && deadline > .now }

    private func end(_ error: any Error) -> Bool {
        fail(error)
        return true
    }

    private func runOnce(on connection: PostgreSQLConnection) throws -> R {
        let transaction = PostgreSQLTransaction(connection, patience: patience)
        let attempt: PostgreSQLAttempt
        let result: R
        do {
            attempt = try transaction.begin()
            result = try body(transaction)
        } catch PostgreSQLFailure.lost {
            throw PostgreSQLFailure.lost
        } catch {
            try? transaction.rollback()
            throw error
        }
        do { try transaction.commit() } catch PostgreSQLFailure.lost {
            // What may happen twice needs no looking for.
            if evidence != nil { inDoubt = (attempt, result) }
            throw PostgreSQLFailure.lost
        }
        return result
    }
}
