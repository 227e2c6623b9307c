import Synchronization

/// A `ProgressLine` for work that reports from threads of its own.
final class SharedProgress: Sendable {
    private let label: String
    private let line = Mutex<ProgressLine?>(nil)

    init(_ label: String) { self.label = label }

    /// - Parameter total: the same in each call.
    func report(_ done: Int, of total: Int) {
        line.withLock { line in
            if line == nil { line = ProgressLine(label: label, total: total) }
            line?.advance(to: done)
        }
    }

    /// Runs `body` and takes the line away again, whatever happens.
    func during<R>(_ body: (SharedProgress) async throws -> R) async throws -> R {
        do {
            let result = try await body(self)
            line.withLock { $0?.end() }
            return result
        } catch {
            line.withLock { $0?.end() }
            throw error
        }
    }
}
