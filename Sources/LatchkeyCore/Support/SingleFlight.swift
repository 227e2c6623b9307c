import Synchronization

/// Work that is under way for a key is shared: whoever asks for the same key meanwhile waits for that result.
package final class SingleFlight<Key: Hashable & Sendable, Value: Sendable>: Sendable {
    private let waiting = Mutex<[Key: [CheckedContinuation<Value?, Never>]]>([:])

    package init() {}

    package func run(_ key: Key, _ body: @Sendable () async -> Value) async -> Value {
        let shared: Value? = await withCheckedContinuation { continuation in
            let leads = waiting.withLock { waiting in
                guard waiting[key] == nil else {
                    waiting[key]?.append(continuation)
                    return false
                }
                waiting[key] = []
                return true
            }
            if leads { continuation.resume(returning: nil) }
        }
        if let shared { return shared }
        let value = await body()
        let followers = waiting.withLock { $0.removeValue(forKey: key) } ?? []
        for follower in followers { follower.resume(returning: value) }
        return value
    }
}
