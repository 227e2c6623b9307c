import Synchronization

/// Which users have budgets, remembered for a second at most: so that a call without any costs no way to the database.
///
/// Never how a budget stands: that is read and written in one transaction with each call.
final class BudgetMemory: Sendable {
    private struct Known {
        var subjects: [BudgetSubject]
        var readAt: ContinuousClock.Instant
    }

    private struct State {
        var users: [UserID: Known] = [:]
        /// Whether anybody has a budget.
        var any: (value: Bool, readAt: ContinuousClock.Instant)?
        /// Grows with each change: what was read before it is not remembered after it.
        var changes = 0
    }

    private let store: any BudgetStore
    private let state = Mutex(State())

    private static let lifetime: Duration = .seconds(1)
    private static let capacity = 20_000

    init(store: any BudgetStore) {
        self.store = store
        store.observeBudgets { [weak self] user in self?.forget(user) }
    }

    /// - Throws: `store_unavailable`.
    func subjects(of user: UserID) async throws -> [BudgetSubject] {
        let now = ContinuousClock.now
        let (known, any, changes) = state.withLock { ($0.users[user], $0.any, $0.changes) }
        if let any, now - any.readAt <= Self.lifetime {
            if !any.value { return [] }
        } else {
            let value = try await store.hasBudgets()
            state.withLock { if $0.changes == changes { $0.any = (value, now) } }
            if !value { return [] }
        }
        if let known, now - known.readAt <= Self.lifetime { return known.subjects }
        let subjects = try await store.budgetSubjects(of: user)
        state.withLock { state in
            guard state.changes == changes else { return }
            if state.users.count >= Self.capacity { state.users = [:] }
            state.users[user] = Known(subjects: subjects, readAt: now)
        }
        return subjects
    }

    /// - Parameter user: nil: everyone.
    func forget(_ user: UserID?) {
        state.withLock { state in
            state.changes += 1
            state.any = nil
            if let user { state.users[user] = nil } else { state.users = [:] }
        }
    }
}
