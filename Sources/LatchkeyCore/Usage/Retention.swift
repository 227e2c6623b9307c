package import Logging
import ServiceLifecycle

/// What is kept for a time, and then no longer.
package protocol RetentionStore: Sendable {
    /// Deletes usage events of before a time, the oldest first. What they counted in budgets stays counted.
    ///
    /// - Parameter lease: refuses, in the same transaction, once it has gone to another node.
    /// - Returns: how many; fewer than `limit` when no more are left.
    func deleteUsage(before time: Timestamp, limit: Int, lease: JobLease) async throws -> Int

    /// As `deleteUsage`: access tokens that were revoked or ran out before a time.
    func deleteAccessTokens(endedBefore time: Timestamp, limit: Int, lease: JobLease) async throws -> Int
}

/// Deletes usage events that are older than the operator wants them, and access tokens that ended as long ago. A few at a
/// time, so that no call waits for it.
package struct Retention: Service {
    private let store: any RetentionStore & Store
    private let days: Int64
    private let clock: WallClock
    private let interval: Duration
    private let pause: Duration
    private let batch: Int
    private let logger: Logger
    private let holder = Job.newHolder()

    /// A month's budgets are counted from its events.
    package static let fewestDays: Int64 = 32
    package static let mostDays: Int64 = 36_500

    package init(
        store: any RetentionStore & Store, days: Int64, clock: WallClock = .system,
        interval: Duration = .seconds(3600), pause: Duration = .milliseconds(50), batch: Int = 500, logger: Logger
    ) {
        self.store = store
        self.days = days
        self.clock = clock
        self.interval = interval
        self.pause = pause
        self.batch = max(1, batch)
        self.logger = logger
    }

    package func run() async throws {
        await cancelWhenGracefulShutdown {
            while !Task.isCancelled {
                await runOnce()
                try? await Task.sleep(for: interval)
            }
        }
    }

    /// Everything that is due now, if no other node is at it.
    /// - Returns: how many rows were deleted.
    @discardableResult
    package func runOnce() async -> Int {
        let oldest = clock.now().advanced(bySeconds: -days * 86_400)
        do {
            let events = try await inBatches { try await store.deleteUsage(before: oldest, limit: batch, lease: $0) }
            let tokens = try await inBatches {
                try await store.deleteAccessTokens(endedBefore: oldest, limit: batch, lease: $0)
            }
            _ = try await lease(seconds: 0)
            if events + tokens > 0 {
                logger.info(
                    "what was kept long enough was deleted",
                    metadata: ["usage_events": "\(events)", "access_tokens": "\(tokens)", "days": "\(days)"])
            }
            return events + tokens
        } catch is CancellationError {
            return 0
        } catch let error as LatchkeyError where error == JobLease.lost {
            return 0
        } catch {
            logger.warning("old usage was not deleted; it is tried again", metadata: ["error": "\(error)"])
            return 0
        }
    }

    private func inBatches(_ delete: (JobLease) async throws -> Int) async throws -> Int {
        var sum = 0
        while true {
            // For as long as a batch may take: a node that died is replaced after it, and the next round is far away.
            let count = try await delete(try await lease(seconds: 60))
            sum += count
            guard count >= batch else { return sum }
            // Whoever waits for the database gets their turn.
            try await Task.sleep(for: pause)
        }
    }

    /// - Parameter seconds: 0 gives it back.
    /// - Throws: `JobLease.lost` while another node has it.
    private func lease(seconds: Int64) async throws -> JobLease {
        let now = clock.now()
        let end = now.advanced(bySeconds: seconds)
        guard let lease = try await store.lease(.retention, for: holder, until: end, now: now) else {
            throw JobLease.lost
        }
        return lease
    }
}
