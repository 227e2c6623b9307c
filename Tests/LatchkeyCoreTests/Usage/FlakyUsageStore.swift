import LatchkeyCore
import Synchronization

/// A store that fails when it is told to, and counts what it is asked.
final class FlakyUsageStore: UsageStore, BudgetStore {
    private struct State {
        var failures = 0
        var poison: String?
        var writes: [[UsageEntry]] = []
        var looks = 0
    }

    private let store: any UsageStore & BudgetStore
    private let state = Mutex(State())

    init(_ store: any UsageStore & BudgetStore) { self.store = store }

    /// So many of the next writes fail.
    func fail(times: Int) { state.withLock { $0.failures = times } }

    /// Every write that holds an event with this id fails.
    func refuse(_ id: String?) { state.withLock { $0.poison = id } }

    /// What was written.
    var writes: [[UsageEntry]] { state.withLock { $0.writes } }
    /// How often it was asked what budgets there are.
    var looks: Int { state.withLock { $0.looks } }

    func writeUsage(_ entries: [UsageEntry], at now: Timestamp) async throws -> UsageWritten {
        let fails = state.withLock { state in
            if state.failures > 0 {
                state.failures -= 1
                return true
            }
            return entries.contains { if case .event(let event, _) = $0 { event.id == state.poison } else { false } }
        }
        if fails { throw LatchkeyError(.storeUnavailable, "as it was told") }
        let written = try await store.writeUsage(entries, at: now)
        state.withLock { $0.writes.append(entries) }
        return written
    }

    func budgetSubjects(of user: UserID) async throws -> [BudgetSubject] {
        state.withLock { $0.looks += 1 }
        return try await store.budgetSubjects(of: user)
    }

    func hasBudgets() async throws -> Bool {
        state.withLock { $0.looks += 1 }
        return try await store.hasBudgets()
    }

    func usage(_ query: UsageQuery) async throws -> [UsageSum] { try await store.usage(query) }
    func usageEvents(_ query: UsageEventQuery) async throws -> UsageEventPage { try await store.usageEvents(query) }
    func unpricedModels(of user: UserID?, in range: UsageRange, limit: Int) async throws -> [UsageSum] {
        try await store.unpricedModels(of: user, in: range, limit: limit)
    }
    func budgets(of user: UserID, at now: Timestamp) async throws -> [BudgetState] {
        try await store.budgets(of: user, at: now)
    }
    func serviceTokenBudgets(at now: Timestamp, limit: Int) async throws -> [BudgetState] {
        try await store.serviceTokenBudgets(at: now, limit: limit)
    }
    func putBudget(_ budget: Budget, at now: Timestamp, event: AuditEvent) async throws -> BudgetState {
        try await store.putBudget(budget, at: now, event: event)
    }
    func deleteBudget(_ id: BudgetID, event: AuditEvent) async throws -> Bool {
        try await store.deleteBudget(id, event: event)
    }
    func reserve(_ hold: UsageHold) async throws -> Bool { try await store.reserve(hold) }
    func expiredReservations(at now: Timestamp, limit: Int) async throws -> [UsageReservation] {
        try await store.expiredReservations(at: now, limit: limit)
    }
    func forgetTokenBudgets(unusedSince time: Timestamp) async throws {
        try await store.forgetTokenBudgets(unusedSince: time)
    }
    func observeBudgets(_ body: @escaping @Sendable (UserID?) -> Void) { store.observeBudgets(body) }
}
