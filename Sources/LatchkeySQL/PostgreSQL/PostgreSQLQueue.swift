import Foundation
import LatchkeyCore

/// Something that waits for a connection. Ended exactly once: done by a worker, or failed.
protocol PostgreSQLJob: AnyObject, Sendable {
    var deadline: ContinuousClock.Instant { get }
    func fail(_ error: any Error)
}

/// Jobs on their way to the threads that have connections: bounded, in order, each with its deadline.
// SAFETY: what changes is touched under `condition` only, `isEnding` under `pausing`.
final class PostgreSQLQueue<Job: PostgreSQLJob>: @unchecked Sendable {
    private let condition = NSCondition()
    /// Apart from the other, or a new job would wake who has no connection in place of who has.
    private let pausing = NSCondition()
    private var isEnding = false
    private let capacity: Int
    private var jobs: [Job] = []
    private var isClosed = false
    private var lastTaken = ContinuousClock.now
    /// When the first of the jobs that wait now began to.
    private var waitingSince = ContinuousClock.now

    init(capacity: Int) { self.capacity = capacity }

    /// Refuses the job at once when too many wait already.
    func submit(_ job: Job) {
        condition.lock()
        let refusal = isClosed ? PostgreSQLError.closed : jobs.count >= capacity ? PostgreSQLError.busy : nil
        if refusal == nil {
            if jobs.isEmpty { waitingSince = .now }
            jobs.append(job)
            condition.signal()
        }
        condition.unlock()
        if let refusal { job.fail(refusal) }
    }

    /// Jobs whose connection was lost before anything of them happened: first in line again.
    func putBack(_ returned: [Job]) {
        guard !returned.isEmpty else { return }
        condition.lock()
        jobs.insert(contentsOf: returned, at: 0)
        condition.signal()
        condition.unlock()
    }

    /// - Returns: true once there is something to do, false when there never will be again.
    func waitForJobs() -> Bool {
        condition.lock()
        defer { condition.unlock() }
        while jobs.isEmpty {
            if isClosed { return false }
            condition.wait()
        }
        return true
    }

    /// Up to `limit` jobs that are still in time; those that are not have failed.
    func take(_ limit: Int) -> [Job] {
        expire(PostgreSQLError.lost)
        condition.lock()
        defer { condition.unlock() }
        let taken = Array(jobs.prefix(limit))
        lastTaken = .now
        jobs.removeFirst(taken.count)
        return taken
    }

    /// Fails the jobs whose time is up, or all of them, if nobody has taken any for a while: some connections may be
    /// refused while others are as good as ever, and those are woken.
    func expire(_ error: any Error, all: Bool = false) {
        let now = ContinuousClock.now
        condition.lock()
        let all = all && now - lastTaken > .seconds(2) && now - waitingSince > .seconds(1)
        condition.broadcast()
        let expired = jobs.filter { all || $0.deadline <= now }
        if !expired.isEmpty { jobs.removeAll { all || $0.deadline <= now } }
        condition.unlock()
        for job in expired { job.fail(error) }
    }

    /// Waits without holding up a close.
    func pause(until time: ContinuousClock.Instant) {
        pausing.lock()
        defer { pausing.unlock() }
        // At the end, too, no faster than this.
        let time = isEnding ? min(time, .now + .milliseconds(50)) : time
        let wasEnding = isEnding
        while isEnding == wasEnding {
            let left = ContinuousClock.now.duration(to: time)
            guard left > .zero else { return }
            let seconds = Double(left.components.seconds) + Double(left.components.attoseconds) / 1e18
            _ = pausing.wait(until: Date(timeIntervalSinceNow: seconds))
        }
    }

    /// Nothing is taken in any more; what waits is still done.
    func close() {
        condition.lock()
        isClosed = true
        condition.broadcast()
        condition.unlock()
        pausing.lock()
        isEnding = true
        pausing.broadcast()
        pausing.unlock()
    }
}
