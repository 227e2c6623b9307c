import Synchronization

/// At most so many at once; the others wait in the order they came, and stop waiting when their task is cancelled.
package final class ConcurrencyLimiter: Sendable {
    private struct Waiter {
        var id: UInt64
        var continuation: CheckedContinuation<Bool, Never>
    }

    private struct State {
        var free: Int
        var nextID: UInt64 = 0
        var waiting: [Waiter] = []
        var cancelledBeforeWaiting: Set<UInt64> = []
    }

    private let state: Mutex<State>

    package init(limit: Int) { state = Mutex(State(free: max(1, limit))) }

    /// - Throws: `CancellationError` when cancelled while waiting; `body` was not called then.
    package func run<R: Sendable>(_ body: @Sendable () async throws -> R) async throws -> R {
        guard await acquire() else { throw CancellationError() }
        defer { release() }
        return try await body()
    }

    private func acquire() async -> Bool {
        let id: UInt64? = state.withLock { state in
            if state.free > 0 {
                state.free -= 1
                return nil
            }
            state.nextID += 1
            return state.nextID
        }
        guard let id else { return true }
        return await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let outcome: Bool? = state.withLock { state in
                    if state.cancelledBeforeWaiting.remove(id) != nil { return false }
                    // A place may have come free between the two locks.
                    if state.free > 0 {
                        state.free -= 1
                        return true
                    }
                    state.waiting.append(Waiter(id: id, continuation: continuation))
                    return nil
                }
                if let outcome { continuation.resume(returning: outcome) }
            }
        } onCancel: {
            let waiter: Waiter? = state.withLock { state in
                guard let index = state.waiting.firstIndex(where: { $0.id == id }) else {
                    state.cancelledBeforeWaiting.insert(id)
                    return nil
                }
                return state.waiting.remove(at: index)
            }
            waiter?.continuation.resume(returning: false)
        }
    }

    private func release() {
        let next: Waiter? = state.withLock { state in
            if state.waiting.isEmpty {
                state.free += 1
                // Marks left by tasks that were cancelled after they had been given their place.
                state.cancelledBeforeWaiting.removeAll()
                return nil
            }
            return state.waiting.removeFirst()
        }
        next?.continuation.resume(returning: true)
    }
}
