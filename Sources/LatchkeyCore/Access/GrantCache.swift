import LatchkeyCrypto
import Synchronization

/// Rows of grants that held when they were read, for a second: so that a call through the gateway does not wait for the
/// database. What is changed here is forgotten at once, what is changed elsewhere when it is heard of; where nothing is
/// heard, a second is the longest that a revoked token, or a session that ended, works on.
final class GrantCache<Grant: Sendable>: Sendable {
    struct Entry: Sendable {
        let key: GrantKey
        let secretHash: [UInt8]
        /// nil: no secret opens this.
        let grant: Grant?
        let readAt: ContinuousClock.Instant
    }

    /// One reading of one row: those who ask for it meanwhile share it, unless something was forgotten in between.
    struct Read: Hashable, Sendable {
        let id: String
        let generation: UInt64
    }

    /// Two halves: when the young one is full or a lifetime old it becomes the old one, and what was old is let go of.
    private struct State {
        var young: [String: Entry] = [:]
        var old: [String: Entry] = [:]
        var turnedAt = ContinuousClock.now
        var generation: UInt64 = 0
    }

    private let state = Mutex(State())
    private let reads = SingleFlight<Read, Result<Entry?, any Error>>()
    private let lifetime: Duration

    private let halfCapacity = 5000

    init(lifetime: Duration = .seconds(1)) { self.lifetime = lifetime }

    /// Counts what was forgotten.
    var generation: UInt64 { state.withLock { $0.generation } }

    /// The row of that id: as it was at most a second ago, or as `read` says.
    ///
    /// - Parameter read: nil for a row that grants nothing; that is not remembered.
    func entry(of id: String, _ read: @Sendable (String) async throws -> Entry?) async throws -> Entry? {
        if let entry = self[id] { return entry }
        // What was forgotten since is read again, and not shared with those who asked before.
        let which = Read(id: id, generation: generation)
        return try await reads.run(which) {
            do {
                let entry = try await read(id)
                if let entry { self.remember(entry, which) }
                return .success(entry)
            } catch { return .failure(error) }
        }.get()
    }

    subscript(_ id: String) -> Entry? {
        let entry = state.withLock { $0.young[id] ?? $0.old[id] }
        guard let entry, ContinuousClock.now - entry.readAt <= lifetime else { return nil }
        return entry
    }

    /// Nothing that was read before something was forgotten: it may be what was forgotten.
    func remember(_ entry: Entry, _ read: Read) {
        let now = ContinuousClock.now
        state.withLock { state in
            guard state.generation == read.generation else { return }
            if state.young.count >= halfCapacity || now - state.turnedAt > lifetime {
                state.old = state.young
                state.young = [:]
                state.turnedAt = now
            }
            state.young[read.id] = entry
        }
    }

    func forget(_ id: String) {
        state.withLock { state in
            state.generation &+= 1
            state.young[id] = nil
            state.old[id] = nil
        }
    }

    func forgetAll() {
        state.withLock { state in
            state.generation &+= 1
            state.young = [:]
            state.old = [:]
        }
    }
}

/// Which rows that do not hold were reported lately, by their ids.
final class SpoiltRows: Sendable {
    private let reported = Mutex<[String: ContinuousClock.Instant]>([:])

    private static let interval = Duration.seconds(60)
    /// More than this in a minute and the rest is refused in silence.
    private static let capacity = 1000

    func isNew(_ id: String) -> Bool {
        let now = ContinuousClock.now
        return reported.withLock { reported in
            if let time = reported[id], now - time < Self.interval { return false }
            if reported.count >= Self.capacity { reported = reported.filter { now - $0.value < Self.interval } }
            guard reported.count < Self.capacity else { return false }
            reported[id] = now
            return true
        }
    }
}
