import LatchkeyCore

/// Single statements that write, such as an audit event before each hand-out. What comes while a commit is under way
/// shares the next one, as on SQLite: one transaction, one wait for the disk, nobody told before it is there.
final class PostgreSQLAppender: Sendable {
    private let queue: PostgreSQLQueue<Append>
    private let session: PostgreSQLSession<Append>
    private let patience: Duration

    private static let batch = 256

    init(_ configuration: PostgreSQLConfiguration) {
        let queue = PostgreSQLQueue<Append>(capacity: configuration.waiting)
        self.queue = queue
        let patience = configuration.patience
        self.patience = patience
        session = PostgreSQLSession(configuration, queue: queue, batch: Self.batch, isEager: true) { connection, jobs in
            Self.run(jobs, on: connection, queue, patience)
        }
        session.start(named: "pg-append")
    }

    func execute(_ statement: SQLStatement, _ values: [SQLValue], evidence: SQLEvidence?) async throws -> Int {
        let call = try PostgreSQLCall(statement, values)
        return try await withUnsafeThrowingContinuation { continuation in
            queue.submit(Append(call, evidence: evidence, deadline: .now + patience, continuation))
        }
    }

    /// Without waiting, and without anybody who is told how it went.
    func post(_ statement: SQLStatement, _ values: [SQLValue]) {
        guard let call = try? PostgreSQLCall(statement, values) else { return }
        queue.submit(Append(call, evidence: nil, deadline: .now + patience, nil))
    }

    func close() {
        queue.close()
        session.waitForEnd()
    }

    private static func run(
        _ jobs: [Append], on connection: PostgreSQLConnection, _ queue: PostgreSQLQueue<Append>, _ patience: Duration
    ) {
        let inDoubt = jobs.filter { $0.inDoubt != nil }
        guard inDoubt.isEmpty else { return resolve(inDoubt, of: jobs, on: connection, queue, patience) }
        do {
            let counts = try commit(jobs, on: connection, patience)
            for (job, count) in zip(jobs, counts) { job.succeed(count) }
        } catch PostgreSQLFailure.refused(let state) {
            if state.endsTheSession { connection.giveUp() }
            // Nothing of it was committed. One by one: whoever is refused is refused alone.
            if jobs.count > 1, connection.isUsable {
                runOneByOne(jobs, on: connection, queue, patience)
            } else if state.isWorthARetry || state.endsTheSession {
                queue.putBack(jobs.filter { $0.mayTryAgain(after: state) })
            } else if !connection.isUsable {
                queue.putBack(jobs.filter { $0.mayTryAgain() })
            } else {
                for job in jobs { job.fail(PostgreSQLError.error(state)) }
            }
        } catch {
            connection.giveUp()
            queue.putBack(jobs.filter { $0.mayTryAgain() })
        }
    }

    private static func runOneByOne(
        _ jobs: [Append], on connection: PostgreSQLConnection, _ queue: PostgreSQLQueue<Append>, _ patience: Duration
    ) {
        for (index, job) in jobs.enumerated() {
            // What an earlier one left unanswered would be taken for the answer to this one.
            guard connection.isUsable, connection.isIdle else {
                return queue.putBack(jobs[index...].filter { $0.mayTryAgain() })
            }
            if job.mayTryAgain() { run([job], on: connection, queue, patience) }
        }
    }

    /// - Returns: how many rows each has changed, once all of it is on disk.
    private static func commit(
        _ jobs: [Append], on connection: PostgreSQLConnection, _ patience: Duration
    ) throws -> [Int] {
        let deadline = ContinuousClock.Instant.now + patience
        var attempt: PostgreSQLAttempt?
        do {
            if connection.isPooled {
                attempt = try identify(connection, until: deadline)
            } else {
                attempt = PostgreSQLAttempt(backend: connection.backend)
            }
            for job in jobs { try connection.send(job.call) }
            try connection.sendSync()
            var counts: [Int] = []
            for _ in jobs {
                guard let result = try connection.receive(until: deadline) else { throw PostgreSQLFailure.lost }
                counts.append(result.changedRows)
            }
            if let state = try connection.drain(until: deadline) { throw PostgreSQLFailure.refused(state) }
            return counts
        } catch PostgreSQLFailure.refused(let state) where state.endsTheSession {
            // A pooler says so too when its server went away after the commit: that is no answer to it.
            for job in jobs { job.inDoubt = attempt }
            throw PostgreSQLFailure.lost
        } catch PostgreSQLFailure.refused(let state) {
            connection.drainOrGiveUp(within: patience)
            throw PostgreSQLFailure.refused(state)
        } catch {
            for job in jobs { job.inDoubt = attempt }
            throw error
        }
    }

    private static func identify(
        _ connection: PostgreSQLConnection, until deadline: ContinuousClock.Instant
    ) throws -> PostgreSQLAttempt? {
        try connection.send(PostgreSQLAttempt.identify, .none)
        try connection.sendFlushRequest()
        var attempt: PostgreSQLAttempt?
        try connection.receive(until: deadline)?.forEachRow { row in
            attempt = PostgreSQLAttempt(processID: row.integer(0), transactionStartedAt: row.text(1))
        }
        return attempt
    }

    /// Jobs whose commit was not answered: those that took effect are done, the others go with the rest again.
    private static func resolve(
        _ inDoubt: [Append], of jobs: [Append], on connection: PostgreSQLConnection, _ queue: PostgreSQLQueue<Append>,
        _ patience: Duration
    ) {
        var left: [Append] = []
        for job in jobs {
            guard let attempt = job.inDoubt, connection.isUsable, job.deadline > .now else {
                left.append(job)
                continue
            }
            guard let evidence = job.evidence else {
                job.inDoubt = nil
                left.append(job)
                continue
            }
            do {
                let tookEffect = try attempt.tookEffect(evidence, on: connection, patience: patience)
                job.inDoubt = nil
                if tookEffect { job.succeed(1) } else { left.append(job) }
            } catch {
                connection.giveUp()
                left.append(job)
            }
        }
        queue.putBack(left.filter { $0.mayTryAgain() })
    }
}

// SAFETY: handed from the caller to the queue, and touched by the session's thread alone from then on.
private final class Append: PostgreSQLJob, @unchecked Sendable {
    let call: PostgreSQLCall
    let evidence: SQLEvidence?
    let deadline: ContinuousClock.Instant
    private let continuation: UnsafeContinuation<Int, any Error>?
    var inDoubt: PostgreSQLAttempt?
    private var attempts = 0

    init(
        _ call: PostgreSQLCall, evidence: SQLEvidence?, deadline: ContinuousClock.Instant,
        _ continuation: UnsafeContinuation<Int, any Error>?
    ) {
        self.call = call
        self.evidence = evidence
        self.deadline = deadline
        self.continuation = continuation
    }

    func succeed(_ count: Int) { continuation?.resume(returning: count) }

    func fail(_ error: any Error) {
        continuation?.resume(throwing: inDoubt == nil ? error : PostgreSQLError.outcomeUnknown)
    }

    /// - Returns: false when it has been tried often enough; it has failed then.
    func mayTryAgain(after state: SQLState? = nil) -> Bool {
        attempts += 1
        if attempts <= 64, deadline > .now { return true }
        fail(state.map { PostgreSQLError.error($0) } ?? PostgreSQLError.lost)
        return false
    }
}
