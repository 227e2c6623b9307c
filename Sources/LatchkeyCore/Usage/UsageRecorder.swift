package import Logging
import ServiceLifecycle
import Synchronization

/// The ledger: what calls used, written in batches off their way, and what they may use, asked of the database.
///
/// `record` and `release` put into a queue; one writer at a time takes parts of it, each one transaction. An event is on
/// disk a quarter of a second after its call, and what a crash may lose of the queue is made up for where it matters: a
/// reservation that nobody settles counts as used.
package final class UsageRecorder: UsageLedger, Service {
    private let store: any UsageStore & BudgetStore
    private let pricing: any Pricing
    private let clock: WallClock
    private let logger: Logger
    private let memory: BudgetMemory
    private let queue = UsageQueue(partSize: mostInBatch, capacity: capacity)
    /// What the writer alone touches.
    private let progress = Mutex(Progress())

    private struct Progress {
        var batch = mostInBatch
        var writes = 0
        /// Failures in a row.
        var failures = 0
        /// How many were refused by the database for what they are.
        var refused = 0
    }

    /// In one transaction: a few milliseconds of the one writer that SQLite has.
    private static let mostInBatch = 500
    /// Some 500 bytes each.
    private static let capacity = 50_000
    /// How long an event waits for company.
    private static let gathering: Duration = .milliseconds(250)
    /// And how much longer where there is much of it: the more users' events are sorted, the more are neighbours.
    private static let gatheringMore: Duration = .milliseconds(400)
    /// Of these, each with a batch's events, so many are sorted together.
    private static let partsTogether = 16
    /// From the beginning of a call to when its reservation counts as used. Fixed and not renewed: what is reserved and
    /// what is used stand in a budget's way alike, so an early end costs a long call nothing, and when it is over after
    /// all, what it really used takes the estimate's place.
    package static let reservationSeconds: Int64 = 3600
    private static let sweepInterval: Duration = .seconds(60)
    private static let sweepSize = 200
    /// Two months, so that no window is under way.
    private static let forgetSeconds: Int64 = 62 * 86_400

    package init(
        store: any UsageStore & BudgetStore, pricing: any Pricing, clock: WallClock = .system, logger: Logger
    ) {
        self.store = store
        self.pricing = pricing
        self.clock = clock
        self.logger = logger
        memory = BudgetMemory(store: store)
    }

    package func run() async throws {
        await cancelWhenGracefulShutdown {
            await withTaskGroup(of: Void.self) { group in
                group.addTask { await self.writeContinuously() }
                group.addTask { await self.sweepContinuously() }
            }
        }
    }
}

// Permission
extension UsageRecorder {
    package func reserve(_ call: PlannedCall) async throws -> UsageReservation? {
        let limits = call.grant?.limits ?? []
        if limits.isEmpty {
            let subjects = try await memory.subjects(of: call.user)
            guard subjects.contains(where: { $0.covers(call.provider, call.keyName, token: nil) }) else { return nil }
        }
        let hold = hold(for: call, limits)
        return try await store.reserve(hold) ? hold.reservation : nil
    }

    private func hold(for call: PlannedCall, _ limits: [UsageLimit]) -> UsageHold {
        let holder: UserID? = if case .user(let user) = call.grant?.holder { user } else { nil }
        return UsageHold(
            reservation: UsageReservation(id: Self.newID(), user: call.user), at: call.at, provider: call.provider,
            keyName: call.keyName, token: call.grant.map { UsageHold.Token(id: $0.id, holder: holder, limits: limits) },
            model: call.model.map { UsageEvent.cut($0, to: 128) }, tokens: call.estimate.bounded,
            cost: cost(of: call.estimate, provider: call.provider, model: call.model, at: call.at),
            requestID: UsageEvent.cut(call.requestID, to: 64),
            expiresAt: call.at.advanced(bySeconds: Self.reservationSeconds))
    }

    /// 128 random bits, in hexadecimal.
    private static func newID() -> String {
        var random = SystemRandomNumberGenerator()
        return [random.next(), random.next()].map { (part: UInt64) in
            let digits = String(part, radix: 16)
            return String(repeating: "0", count: 16 - digits.count) + digits
        }.joined()
    }

    package func cost(of tokens: TokenCounts, provider: ProviderID, model: String?, at time: Timestamp) -> Int64? {
        pricing.cost(of: tokens, provider: provider, model: model, at: time)
    }
}

// What was used
extension UsageRecorder {
    package func record(_ event: UsageEvent, settling reservation: UsageReservation?) {
        guard UsageEvent.isUsableID(event.id) else {
            logger.error("a usage event without a usable id is not written")
            if let reservation { release(reservation) }
            return
        }
        queue.add(.event(event.bounded, settling: reservation))
    }

    package func release(_ reservation: UsageReservation) { queue.add(.release(reservation)) }

    package func releaseNow(_ reservation: UsageReservation) async {
        do { _ = try await store.writeUsage([.release(reservation)], at: clock.now()) } catch { release(reservation) }
    }

    /// Writes events that somebody else reports. Durable when it returns.
    ///
    /// - Returns: how many were not known before.
    /// - Throws: `invalid_usage`, `store_unavailable`.
    package func report(_ events: [UsageEvent]) async throws -> Int {
        let written = try await store.writeUsage(events.map { .event($0, settling: nil) }, at: clock.now())
        tell(written.warnings)
        return written.new
    }

    /// Writes everything that is waiting now. At the end of a service, when nothing more comes.
    ///
    /// - Parameter patience: how long a database that is away is waited for.
    package func flush(patience: Duration = .seconds(5)) async {
        let deadline = ContinuousClock.now + patience
        var pause = Duration.milliseconds(20)
        while await !writeWaiting(), ContinuousClock.now < deadline {
            try? await Task.sleep(for: pause)
            pause = min(pause * 2, .milliseconds(500))
        }
        let lost = queue.count
        if lost > 0 { logger.error("usage was not written", metadata: ["events": "\(lost)"]) }
    }

    private func writeContinuously() async {
        for await _ in queue.arrivals {
            try? await Task.sleep(for: Self.gathering)
            if queue.count >= Self.mostInBatch { try? await Task.sleep(for: Self.gatheringMore) }
            while await !writeWaiting(), !Task.isCancelled {
                let failures = progress.withLock { $0.failures }
                try? await Task.sleep(for: .milliseconds(min(50 << min(failures, 7), 5000)))
            }
            if Task.isCancelled { return }
        }
    }

    /// - Returns: false when a write failed.
    private func writeWaiting() async -> Bool {
        await queue.exclusively {
            while true {
                var rest = Self.inOrder(queue.take(parts: Self.partsTogether))[...]
                guard !rest.isEmpty else { return true }
                while !rest.isEmpty {
                    let items = Array(rest.prefix(progress.withLock { $0.batch }))
                    rest = rest.dropFirst(items.count)
                    do {
                        let written = try await store.writeUsage(items.map(\.entry), at: clock.now())
                        succeeded()
                        tell(written.warnings)
                    } catch {
                        queue.putBack(Array(rest), last: false)
                        failed(items)
                        return false
                    }
                }
            }
        }
    }

    /// One user's events together, and each user's in their order: what is written together lies together, also in the
    /// index by user, and a batch touches a part of it and not all.
    private static func inOrder(_ items: [UsageQueue.Item]) -> [UsageQueue.Item] {
        guard items.count > 64 else { return items }
        return items.enumerated().sorted { one, other in
            let (user, otherUser) = (one.element.entry.user.bytes, other.element.entry.user.bytes)
            if user == otherUser { return one.offset < other.offset }
            return user.lexicographicallyPrecedes(otherUser)
        }.map { $0.element }
    }

    private func succeeded() {
        progress.withLock { progress in
            progress.writes += 1
            progress.failures = 0
            progress.batch = Self.mostInBatch
        }
        let dropped = queue.takeDropped()
        guard dropped > 0 else { return }
        logger.error("usage was lost while the database was away", metadata: ["events": "\(dropped)"])
    }

    /// Keeps what was not written. Where it is an event that is to blame and not the database, the parts become smaller
    /// until it stands alone, and one that fails alone again and again, while others are written, is let go of.
    private func failed(_ items: [UsageQueue.Item]) {
        let (writes, failures) = progress.withLock { progress in
            progress.failures += 1
            progress.batch = max(1, items.count / 2)
            return (progress.writes, progress.failures)
        }
        if failures == 1 {
            logger.warning("usage was not written yet; it is tried again", metadata: ["waiting": "\(queue.count)"])
        }
        guard items.count == 1, var item = items.first else { return queue.putBack(items, last: false) }
        if item.failedAt != writes {
            item.failedAt = writes
            item.failures += 1
        }
        guard item.failures > 3 else { return queue.putBack([item], last: true) }
        logger.error("a usage event that the database does not take is let go of")
    }

    private func tell(_ warnings: [BudgetWarning]) {
        for warning in warnings {
            let budget = warning.state.budget
            logger.notice(
                "a budget has reached a threshold",
                metadata: [
                    "percent": "\(warning.threshold)", "metric": "\(budget.limit.metric.rawValue)",
                    "period": "\(budget.limit.period.rawValue)", "subject": "\(budget.subject.text)",
                    "used": "\(warning.state.used)", "amount": "\(budget.limit.amount)",
                    "resets_at": "\(warning.state.resetsAt.rfc3339)",
                ])
        }
    }
}

// Reservations that nobody settled
extension UsageRecorder {
    private func sweepContinuously() async {
        while !Task.isCancelled {
            try? await Task.sleep(for: Self.sweepInterval)
            if Task.isCancelled { return }
            await sweep()
        }
    }

    /// Counts as used what a node that is gone had set aside. On every node: each reservation ends once, whoever is first.
    package func sweep() async {
        do {
            while true {
                let expired = try await store.expiredReservations(at: clock.now(), limit: Self.sweepSize)
                guard !expired.isEmpty else { break }
                let written = try await store.writeUsage(expired.map { .expire($0) }, at: clock.now())
                tell(written.warnings)
                logger.warning(
                    "calls were never settled; they count as estimated", metadata: ["calls": "\(expired.count)"])
                if expired.count < Self.sweepSize { break }
            }
            try await store.forgetTokenBudgets(unusedSince: clock.now().advanced(bySeconds: -Self.forgetSeconds))
        } catch {
            logger.warning("reservations that ran out were not looked for; it is tried again in a minute")
        }
    }
}

// Budgets, changed here: what was remembered of them is forgotten at once
extension UsageRecorder {
    package func budgets(of user: UserID) async throws -> [BudgetState] {
        try await store.budgets(of: user, at: clock.now())
    }

    /// As `BudgetStore.putBudget`.
    package func putBudget(_ budget: Budget, event: AuditEvent) async throws -> BudgetState {
        defer { memory.forget(budget.user) }
        return try await store.putBudget(budget, at: clock.now(), event: event)
    }

    /// As `BudgetStore.deleteBudget`.
    package func deleteBudget(_ id: BudgetID, event: AuditEvent) async throws -> Bool {
        defer { memory.forget(id.user) }
        return try await store.deleteBudget(id, event: event)
    }
}
