import LatchkeyCore

/// Statements that only read, many at a time on few connections.
///
/// What waits when a connection is free goes out together and is one transaction, so the server answers all of it in
/// one go: under load that is fewer system calls on both sides than one connection for each caller would make, and a
/// caller who is alone does not wait for anybody.
final class PostgreSQLReaders: Sendable {
    private let queue: PostgreSQLQueue<Read>
    private let sessions: [PostgreSQLSession<Read>]
    private let patience: Duration

    /// Large enough to save what can be saved, small enough that the first of them is not kept waiting.
    private static let batch = 32

    init(_ configuration: PostgreSQLConfiguration, first connection: PostgreSQLConnection?) {
        let queue = PostgreSQLQueue<Read>(capacity: configuration.waiting)
        self.queue = queue
        patience = configuration.patience
        var connection = connection
        sessions = (0..<PostgreSQLConfiguration.readers).map { _ in
            defer { connection = nil }
            return PostgreSQLSession(configuration, queue: queue, batch: Self.batch, first: connection) {
                Self.run($1, on: $0, queue)
            }
        }
        for (index, session) in sessions.enumerated() { session.start(named: "pg-read-\(index)") }
    }

    func query(_ statement: SQLStatement, _ values: [SQLValue]) async throws -> PostgreSQLResult {
        let call = try PostgreSQLCall(statement, values)
        return try await withUnsafeThrowingContinuation { continuation in
            queue.submit(Read(call, deadline: .now + patience, continuation))
        }
    }

    func close() {
        queue.close()
        for session in sessions { session.waitForEnd() }
    }

    private static func run(_ reads: [Read], on connection: PostgreSQLConnection, _ queue: PostgreSQLQueue<Read>) {
        // What an earlier one left unanswered would be taken for the answer to this one.
        guard connection.isUsable, connection.isIdle else { return queue.putBack(reads.filter { $0.mayTryAgain() }) }
        var unanswered = reads[...]
        do {
            for read in reads { try connection.send(read.call) }
            try connection.sendSync()
            let deadline = reads.map(\.deadline).max() ?? .now
            while let read = unanswered.first {
                // nil: one before it was refused and took the rest of the transaction with it.
                guard let result = try connection.receive(until: deadline) else { break }
                unanswered.removeFirst()
                read.succeed(result)
            }
            _ = try connection.drain(until: deadline)
        } catch PostgreSQLFailure.refused(let state) {
            if state.endsTheSession {
                // It says nothing about the statement: another connection may answer it.
                connection.giveUp()
            } else {
                connection.drainOrGiveUp(within: .seconds(2))
                if let read = unanswered.popFirst() { read.fail(PostgreSQLError.error(state)) }
            }
        } catch {
            connection.giveUp()
        }
        guard !unanswered.isEmpty else { return }
        if unanswered.count > 1, connection.isUsable {
            for read in unanswered { run([read], on: connection, queue) }
        } else {
            // Reading twice does no harm.
            queue.putBack(unanswered.filter { $0.mayTryAgain() })
        }
    }
}

// SAFETY: handed from the caller to the queue, and touched by one session's thread at a time.
private final class Read: PostgreSQLJob, @unchecked Sendable {
    let call: PostgreSQLCall
    let deadline: ContinuousClock.Instant
    private let continuation: UnsafeContinuation<PostgreSQLResult, any Error>
    private var attempts = 0

    init(
        _ call: PostgreSQLCall, deadline: ContinuousClock.Instant,
        _ continuation: UnsafeContinuation<PostgreSQLResult, any Error>
    ) {
        self.call = call
        self.deadline = deadline
        self.continuation = continuation
    }

    func succeed(_ result: PostgreSQLResult) { continuation.resume(returning: result) }

    func fail(_ error: any Error) { continuation.resume(throwing: error) }

    /// - Returns: false when it has been tried often enough; it has failed then.
    func mayTryAgain() -> Bool {
        attempts += 1
        if attempts <= 16, deadline > .now { return true }
        fail(PostgreSQLError.lost)
        return false
    }
}
