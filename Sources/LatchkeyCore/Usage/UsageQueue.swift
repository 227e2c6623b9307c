import Synchronization

/// What is waiting to be written, in parts of a size that one transaction takes. It does not grow without end: when it is
/// full the oldest part is let go of.
final class UsageQueue: Sendable {
    struct Item: Sendable {
        var entry: UsageEntry
        /// How often it failed to be written alone, while others were written.
        var failures = 0
        /// How many writes had succeeded when it last failed.
        var failedAt = -1
    }

    private struct State {
        var parts: [[Item]] = []
        var dropped = 0
        /// Whether somebody writes now.
        var isTaken = false
        var waiting: [CheckedContinuation<Void, Never>] = []
    }

    private let state = Mutex(State())
    private let partSize: Int
    private let mostParts: Int
    /// One element is enough: it says that there is something.
    private let wake: AsyncStream<Void>.Continuation
    let arrivals: AsyncStream<Void>

    init(partSize: Int, capacity: Int) {
        self.partSize = partSize
        mostParts = max(1, capacity / partSize)
        (arrivals, wake) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
    }

    func add(_ entry: UsageEntry) {
        let isFirst = state.withLock { state in
            let isFirst = state.parts.isEmpty
            if let last = state.parts.indices.last, state.parts[last].count < partSize {
                state.parts[last].append(Item(entry: entry))
            } else {
                state.parts.append([Item(entry: entry)])
                state.parts[state.parts.count - 1].reserveCapacity(partSize)
                Self.trim(&state, mostParts)
            }
            return isFirst
        }
        if isFirst { wake.yield() }
    }

    /// The oldest, in whole parts, at most so many of these.
    func take(parts most: Int) -> [Item] {
        state.withLock { state in
            let taken = state.parts.prefix(most)
            state.parts.removeFirst(taken.count)
            return taken.count == 1 ? taken[0] : Array(taken.joined())
        }
    }

    /// Puts back what could not be written.
    /// - Parameter last: behind everything else.
    func putBack(_ items: [Item], last: Bool) {
        guard !items.isEmpty else { return }
        state.withLock { state in
            let parts = stride(from: 0, to: items.count, by: partSize).map {
                Array(items[$0..<min($0 + partSize, items.count)])
            }
            state.parts.insert(contentsOf: parts, at: last ? state.parts.count : 0)
            Self.trim(&state, mostParts)
        }
    }

    private static func trim(_ state: inout State, _ mostParts: Int) {
        guard state.parts.count > mostParts else { return }
        state.dropped += state.parts.removeFirst().count
    }

    var count: Int { state.withLock { $0.parts.reduce(0) { $0 + $1.count } } }

    /// How many were let go of since this was last asked.
    func takeDropped() -> Int {
        state.withLock { state in
            defer { state.dropped = 0 }
            return state.dropped
        }
    }

    /// One at a time: who comes later waits until the writing is done.
    func exclusively<R: Sendable>(_ body: () async -> R) async -> R {
        await withCheckedContinuation { continuation in
            let isFree = state.withLock { state in
                guard state.isTaken else {
                    state.isTaken = true
                    return true
                }
                state.waiting.append(continuation)
                return false
            }
            if isFree { continuation.resume() }
        }
        let result = await body()
        let next: CheckedContinuation<Void, Never>? = state.withLock { state in
            guard !state.waiting.isEmpty else {
                state.isTaken = false
                return nil
            }
            return state.waiting.removeFirst()
        }
        next?.resume()
        return result
    }
}
