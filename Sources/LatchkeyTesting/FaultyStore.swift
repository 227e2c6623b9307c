package import LatchkeyCore
package import LatchkeyCrypto
import Synchronization

/// A store in front of another one that fails where a test says so, and remembers what it was asked to do.
package final class FaultyStore: Store {
    package enum Call: Sendable, Hashable, CaseIterable {
        case key, keys, put, rewrite, recordCheck, postponeCheck, delete, deleteAll, keysDue, recordUse, append, events,
            setting,
            setSetting
        case fact, setFact, keyset, initializeKeyset, ping, keyCount, walk, lease
    }

    private struct State {
        var faults: [Call: LatchkeyError] = [:]
        var calls: [Call] = []
    }

    private let inner: any Store
    private let state = Mutex(State())

    package init(_ inner: any Store) { self.inner = inner }

    /// From now on `call` throws `error` and changes nothing; nil makes it work again.
    package func fail(_ call: Call, with error: LatchkeyError? = .init(.storeUnavailable, "the test's disk is full")) {
        state.withLock { $0.faults[call] = error }
    }

    /// Everything that was asked, failed or not, in order.
    package var calls: [Call] { state.withLock { $0.calls } }

    private func enter(_ call: Call) throws {
        let fault = state.withLock { state in
            state.calls.append(call)
            return state.faults[call]
        }
        if let fault { throw fault }
    }

    package func key(_ reference: KeyReference) async throws -> UserAPIKey? {
        try enter(.key)
        return try await inner.key(reference)
    }

    package func keyForUse(_ reference: KeyReference, fresh: Bool) async throws -> KeyForUse? {
        try enter(.key)
        return try await inner.keyForUse(reference, fresh: fresh)
    }

    package func keys(of owner: KeyOwner) async throws -> [UserAPIKey] {
        try enter(.keys)
        return try await inner.keys(of: owner)
    }

    package func put(
        _ reference: KeyReference, unless fact: DeploymentFact?, event: AuditEvent,
        make: @escaping @Sendable (UserAPIKey?) throws -> UserAPIKey
    ) async throws -> UserAPIKey {
        try enter(.put)
        return try await inner.put(reference, unless: fact, event: event, make: make)
    }

    package func rewrite(
        _ first: KeyReference, _ second: KeyReference, events: [AuditEvent],
        make: @escaping @Sendable (UserAPIKey?, UserAPIKey?) throws -> KeyPair
    ) async throws -> KeyPair {
        try enter(.rewrite)
        return try await inner.rewrite(first, second, events: events, make: make)
    }

    package func recordCheck(
        _ reference: KeyReference, rowVersion: UInt64, check: CheckResult, lease: JobLease?, event: AuditEvent
    ) async throws -> Bool {
        try enter(.recordCheck)
        return try await inner.recordCheck(
            reference, rowVersion: rowVersion, check: check, lease: lease, event: event)
    }

    package func lease(
        _ job: Job, for holder: String, until time: Timestamp, now: Timestamp
    ) async throws -> JobLease? {
        try enter(.lease)
        return try await inner.lease(job, for: holder, until: time, now: now)
    }

    package func postponeCheck(_ reference: KeyReference, until time: Timestamp, event: AuditEvent) async throws {
        try enter(.postponeCheck)
        try await inner.postponeCheck(reference, until: time, event: event)
    }

    package func delete(_ reference: KeyReference, event: AuditEvent) async throws -> UInt64? {
        try enter(.delete)
        return try await inner.delete(reference, event: event)
    }

    package func deleteAll(of owner: KeyOwner, event: AuditEvent) async throws -> Int {
        try enter(.deleteAll)
        return try await inner.deleteAll(of: owner, event: event)
    }

    package func keysDue(at now: Timestamp, limit: Int) async throws -> [UserAPIKey] {
        try enter(.keysDue)
        return try await inner.keysDue(at: now, limit: limit)
    }

    package func recordUse(_ uses: [(KeyReference, Timestamp)]) async throws {
        try enter(.recordUse)
        try await inner.recordUse(uses)
    }

    package func append(_ event: AuditEvent) async throws {
        try enter(.append)
        try await inner.append(event)
    }

    package func append(_ event: AuditEvent, ofUsing key: KeyForUse) async throws -> Bool {
        try enter(.append)
        return try await inner.append(event, ofUsing: key)
    }

    package func events(limit: Int) async throws -> [AuditEvent] {
        try enter(.events)
        return try await inner.events(limit: limit)
    }

    package func setting(_ setting: UserSetting, of user: UserID) async throws -> Bool? {
        try enter(.setting)
        return try await inner.setting(setting, of: user)
    }

    package func set(_ setting: UserSetting, to value: Bool, of user: UserID, event: AuditEvent) async throws {
        try enter(.setSetting)
        try await inner.set(setting, to: value, of: user, event: event)
    }

    package func fact(_ fact: DeploymentFact) async throws -> String? {
        try enter(.fact)
        return try await inner.fact(fact)
    }

    package func set(_ fact: DeploymentFact, to value: String, event: AuditEvent) async throws {
        try enter(.setFact)
        try await inner.set(fact, to: value, event: event)
    }

    package func keyset() async throws -> [KeysetEntry] {
        try enter(.keyset)
        return try await inner.keyset()
    }

    package func initializeKeyset(_ entry: KeysetEntry) async throws -> [KeysetEntry] {
        try enter(.initializeKeyset)
        return try await inner.initializeKeyset(entry)
    }

    package func ping() async throws {
        try enter(.ping)
        try await inner.ping()
    }

    package func keyCount(_ table: KeyTable) async throws -> Int {
        try enter(.keyCount)
        return try await inner.keyCount(table)
    }

    package func keys(
        in table: KeyTable, afterRow id: Int64, limit: Int
    ) async throws -> [(id: Int64, key: UserAPIKey?)] {
        try enter(.walk)
        return try await inner.keys(in: table, afterRow: id, limit: limit)
    }
}
