import GRDB
import LatchkeyCore
import Synchronization

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// The one writer. Jobs that come while a commit is under way share the next one: with `synchronous=FULL` a commit costs
/// an fsync, and a hundred audit events in it cost little more than one.
///
/// Nobody is told "done" before the commit that holds their job is on disk.
// SAFETY: `connection` is used on GRDB's serial writer queue only; `queue` and `pending` are Sendable.
final class SQLiteWriter: @unchecked Sendable {
    private let queue: DatabaseQueue
    private let connection: SQLiteConnection
    private let pending = Mutex(Pending())

    private struct Pending {
        var jobs: [any WriteJob] = []
        var isDraining = false
        /// How many shared the last commit.
        var lastBatch = 0
    }

    init(queue: DatabaseQueue) throws {
        self.queue = queue
        let handle = queue.writeWithoutTransaction { database in
            // A pointer is not Sendable; it only crosses this call.
            UInt(bitPattern: database.sqliteConnection)
        }
        guard let handle = OpaquePointer(bitPattern: handle) else {
            throw LatchkeyError(.storeUnavailable, "the database is closed")
        }
        connection = SQLiteConnection(borrowing: handle)
    }

    func run<R: Sendable>(
        isAtomic: Bool, _ body: @escaping @Sendable (SQLiteConnection) throws -> R
    ) async throws -> R {
        // Unsafe: every job is finished exactly once, in `commit`, and the check costs an allocation each.
        try await withUnsafeThrowingContinuation { continuation in
            submit(Job(isAtomic: isAtomic, body: body, continuation: continuation))
        }
    }

    /// Closes the connection; jobs that come later are refused by it.
    func close() throws {
        queue.writeWithoutTransaction { _ in connection.close() }
        try queue.close()
    }

    private func submit(_ job: any WriteJob) {
        let mustStart = pending.withLock { pending in
            pending.jobs.append(job)
            defer { pending.isDraining = true }
            return !pending.isDraining
        }
        if mustStart { queue.asyncWriteWithoutTransaction { _ in self.drain() } }
    }

    private func drain() {
        while true {
            linger()
            let jobs: [any WriteJob] = pending.withLock { pending in
                defer { pending.jobs.removeAll(keepingCapacity: true) }
                if pending.jobs.isEmpty { pending.isDraining = false } else { pending.lastBatch = pending.jobs.count }
                return pending.jobs
            }
            guard !jobs.isEmpty else { return }
            commit(jobs)
        }
    }

    /// Waits a moment for company, where there was some: with many callers at once a commit for each handful of them
    /// costs more than the moment does. A caller who is alone never waits.
    private func linger() {
        let (waiting, lastBatch) = pending.withLock { ($0.jobs.count, $0.lastBatch) }
        guard lastBatch >= 4, waiting < lastBatch else { return }
        usleep(Self.lingerMicroseconds)
    }

    private static let lingerMicroseconds: UInt32 = 300

    /// All jobs in one transaction; one that fails is undone alone.
    private func commit(_ jobs: [any WriteJob]) {
        do {
            try connection.run(Self.begin, [])
            for job in jobs { try perform(job, isAlone: jobs.count == 1) }
            try connection.run(Self.commit, [])
            for job in jobs { job.finish(nil) }
        } catch {
            if !connection.isOutsideTransaction { _ = try? connection.run(Self.rollback, []) }
            for job in jobs { job.finish(error) }
        }
    }

    /// - Throws: only what ends the whole transaction. A job's own error stays with the job.
    private func perform(_ job: any WriteJob, isAlone: Bool) throws {
        // One statement undoes itself when it fails; several need a savepoint to be undone together.
        guard !job.isAtomic else {
            job.perform(connection)
            return try checkStillOpen()
        }
        try connection.run(Self.savepoint, [])
        job.perform(connection)
        try checkStillOpen()
        if job.failed { try connection.run(Self.undo, []) }
        try connection.run(Self.release, [])
    }

    private func checkStillOpen() throws {
        guard connection.isOutsideTransaction else { return }
        throw LatchkeyError(.storeUnavailable, "the database gave up the transaction; its disk may be full")
    }

    private static let begin = SQLStatement("begin", "BEGIN IMMEDIATE")
    private static let commit = SQLStatement("commit", "COMMIT")
    private static let rollback = SQLStatement("rollback", "ROLLBACK")
    private static let savepoint = SQLStatement("savepoint", "SAVEPOINT job")
    private static let undo = SQLStatement("undo", "ROLLBACK TO job")
    private static let release = SQLStatement("release", "RELEASE job")
}

/// One caller's work, waiting for its commit.
private protocol WriteJob: AnyObject, Sendable {
    var isAtomic: Bool { get }
    var failed: Bool { get }
    func perform(_ connection: SQLiteConnection)
    /// - Parameter error: why the commit failed; nil when the job's own outcome stands.
    func finish(_ error: (any Error)?)
}

// SAFETY: handed from the submitting task to the writer queue once, and touched by the queue alone from then on.
private final class Job<R: Sendable>: WriteJob, @unchecked Sendable {
    let isAtomic: Bool
    private let body: @Sendable (SQLiteConnection) throws -> R
    private let continuation: UnsafeContinuation<R, any Error>
    private var result: Result<R, any Error>?

    init(
        isAtomic: Bool, body: @escaping @Sendable (SQLiteConnection) throws -> R,
        continuation: UnsafeContinuation<R, any Error>
    ) {
        self.isAtomic = isAtomic
        self.body = body
        self.continuation = continuation
    }

    var failed: Bool {
        if case .failure = result { return true }
        return false
    }

    func perform(_ connection: SQLiteConnection) {
        result = Result { try body(connection) }
    }

    func finish(_ error: (any Error)?) {
        if let result, error == nil {
            continuation.resume(with: result)
        } else if case .failure(let own) = result {
            continuation.resume(throwing: own)
        } else {
            continuation.resume(
                throwing: error ?? LatchkeyError(.storeUnavailable, "the database did not run this write"))
        }
    }
}
