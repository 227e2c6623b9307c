import Dispatch
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
///
/// A caller who has been alone for a while, on a disk that is quick, has one statement committed where it is: the ways
/// to the writer's thread and back cost it more than the rest (decision 10).
// SAFETY: `connection`, and `log` with it, is used by whoever set `isDraining`, one at a time: a mutex hands it on.
// The rest is Sendable.
final class SQLiteWriter: @unchecked Sendable {
    private let queue = DispatchQueue(label: "latchkey.sqlite.writer", qos: .userInitiated)
    private let connection: SQLiteConnection
    private let log: SQLiteLog
    private let checkpoints: SQLiteCheckpoints
    private let pending = Mutex(Pending())

    private struct Pending {
        var jobs: [any WriteJob] = []
        /// Whether somebody has the connection.
        var isDraining = false
        /// How many shared the last commit.
        var lastBatch = 0
        /// How many commits in a row had one job and were quick; below zero after one that was slow.
        var calm = 0
        /// What was copied out of the log meanwhile leaves little to do: then the log can begin anew.
        var mustCheckpoint = false
    }

    /// - Throws: `store_unavailable`.
    init(path: String) throws {
        connection = try SQLiteConnection(writingTo: path)
        log = SQLiteLog(of: connection)
        checkpoints = try SQLiteCheckpoints(path: path)
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
    func close() {
        checkpoints.close()
        // Whoever has the connection now is let finish.
        while !pending.withLock({ pending in
            defer { pending.isDraining = true }
            return !pending.isDraining
        }) { usleep(Self.lingerMicroseconds) }
        connection.close()
        startDraining()
    }

    private func submit(_ job: any WriteJob) {
        let start: Start = pending.withLock { pending in
            pending.jobs.append(job)
            guard !pending.isDraining else { return .later }
            pending.isDraining = true
            return pending.calm >= Self.calmCommits && job.isAtomic && !pending.mustCheckpoint ? .here : .onQueue
        }
        switch start {
        case .later: break
        case .onQueue: startDraining()
        case .here: commitHere()
        }
    }

    /// Who runs a job that was just given.
    private enum Start { case later, onQueue, here }

    private func startDraining() { queue.async { self.drain() } }

    /// One commit on the caller's own thread. What came meanwhile is not the caller's to wait for.
    private func commitHere() {
        commit(take())
        let isDone = pending.withLock { pending in
            guard pending.jobs.isEmpty, !pending.mustCheckpoint else { return false }
            pending.isDraining = false
            return true
        }
        if !isDone { startDraining() }
    }

    private func drain() {
        while true {
            linger()
            let (jobs, mustCheckpoint): ([any WriteJob], Bool) = pending.withLock { pending in
                defer { pending.mustCheckpoint = false }
                if pending.jobs.isEmpty, !pending.mustCheckpoint { pending.isDraining = false }
                return (Self.take(&pending), pending.mustCheckpoint)
            }
            if mustCheckpoint { finishCheckpoint() }
            if !jobs.isEmpty { commit(jobs) } else if !mustCheckpoint { return }
        }
    }

    private func take() -> [any WriteJob] { pending.withLock { Self.take(&$0) } }

    private static func take(_ pending: inout Pending) -> [any WriteJob] {
        defer { pending.jobs.removeAll(keepingCapacity: true) }
        if !pending.jobs.isEmpty { pending.lastBatch = pending.jobs.count }
        return pending.jobs
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
        let began = ContinuousClock.now
        do {
            try connection.run(Self.begin, [])
            for job in jobs { try perform(job, isAlone: jobs.count == 1) }
            try connection.run(Self.commit, [])
            note(jobs, took: ContinuousClock.now - began)
            for job in jobs { job.finish(nil) }
        } catch {
            if !connection.isOutsideTransaction { _ = try? connection.run(Self.rollback, []) }
            note(jobs, took: .seconds(1))
            for job in jobs { job.finish(error) }
        }
    }

    private func note(_ jobs: [any WriteJob], took time: Duration) {
        pending.withLock { pending in
            if jobs.count > 1 {
                pending.calm = min(pending.calm, 0)
            } else if jobs[0].isAtomic {
                // What a transaction of many statements takes says nothing about the disk.
                pending.calm = Self.calm(after: time, pending.calm)
            }
        }
        guard log.pages >= Self.checkpointPages else { return }
        checkpoints.begin { [weak self] in self?.checkpointed() }
    }

    private static func calm(after time: Duration, _ calm: Int) -> Int {
        if time > slow { return -calmAfterSlow }
        return time > quick ? 0 : min(calm + 1, calmCommits)
    }

    /// Behind so many commits of one quick job each, the next is made where its caller is.
    private static let calmCommits = 16
    private static let calmAfterSlow = 1000
    private static let quick: Duration = .microseconds(500)
    private static let slow: Duration = .milliseconds(2)

    // The log

    /// 4 MiB, as SQLite's own default.
    private static let checkpointPages: Int32 = 1000

    private func checkpointed() {
        let mustStart = pending.withLock { pending in
            pending.mustCheckpoint = true
            defer { pending.isDraining = true }
            return !pending.isDraining
        }
        if mustStart { startDraining() }
    }

    /// Copies what was written while the rest was copied: with nothing left to copy the next commit begins the log anew.
    private func finishCheckpoint() {
        connection.checkpoint()
        log.pages = 0
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
