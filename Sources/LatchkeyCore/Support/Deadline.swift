/// Runs `body`, cancelled after `limit`.
/// - Returns: nil when the time ran out first.
package func withDeadline<R: Sendable>(_ limit: Duration, _ body: @escaping @Sendable () async -> R) async -> R? {
    await withTaskGroup(of: R?.self) { group in
        group.addTask { await body() }
        group.addTask {
            try? await Task.sleep(for: limit)
            return nil
        }
        let first = await group.next() ?? nil
        group.cancelAll()
        return first
    }
}
