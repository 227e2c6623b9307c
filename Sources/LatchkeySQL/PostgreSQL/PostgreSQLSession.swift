import Foundation
import LatchkeyCore

/// One thread with one connection: it takes jobs from a queue, and connects anew, with growing pauses, when the
/// connection is lost.
// SAFETY: everything but the queue is used by this session's own thread only, once `start` has been called.
final class PostgreSQLSession<Job: PostgreSQLJob>: @unchecked Sendable {
    typealias Work = (PostgreSQLConnection, [Job]) -> Void

    private let configuration: PostgreSQLConfiguration
    private let queue: PostgreSQLQueue<Job>
    private let batch: Int
    private let isEager: Bool
    private let work: Work
    private var connection: PostgreSQLConnection?
    private var failures = 0
    private let ended = DispatchSemaphore(value: 0)

    /// - Parameters:
    ///   - batch: how many jobs are taken at once.
    ///   - isEager: connects at once and not for the first job. Each kind of work has one that does: where the server
    ///     gives fewer connections than are wanted, one kind must not take all of them.
    ///   - work: ends every job that it is given, or puts it back. Leaves the connection idle, or lost.
    init(
        _ configuration: PostgreSQLConfiguration, queue: PostgreSQLQueue<Job>, batch: Int,
        first connection: PostgreSQLConnection? = nil, isEager: Bool = false, work: @escaping Work
    ) {
        self.isEager = isEager
        self.configuration = configuration
        self.queue = queue
        self.batch = batch
        self.connection = connection
        self.work = work
    }

    func start(named name: String) {
        let thread = Thread { [self] in
            run()
            connection = nil
            ended.signal()
        }
        thread.name = name
        thread.start()
    }

    /// After `queue.close()`: returns when the last job is done.
    func waitForEnd() { ended.wait() }

    private func run() {
        if isEager { _ = connect() }
        while queue.waitForJobs() {
            guard let connection = connect() else { continue }
            let jobs = queue.take(batch)
            guard !jobs.isEmpty else { continue }
            work(connection, jobs)
            if !connection.isUsable || !connection.isIdle { self.connection = nil }
        }
    }

    private func connect() -> PostgreSQLConnection? {
        if let connection, connection.isUsable { return connection }
        do {
            let made = try PostgreSQLConnection(configuration)
            connection = made
            failures = 0
            return made
        } catch {
            failures += 1
            // Who has just arrived may wait for a failover. Once it is plain that the database is away, waiting helps
            // nobody: a few attempts in, each failed one answers everybody.
            if let error = error as? LatchkeyError { configuration.onTrouble(error) }
            queue.expire(PostgreSQLError.unreachable, all: failures > Self.patientAttempts)
            let pause = min(50 << min(failures, 5), 1000)
            queue.pause(until: .now + .milliseconds(pause + Int.random(in: 0...pause / 4)))
            return nil
        }
    }

    private static var patientAttempts: Int { 8 }
}
