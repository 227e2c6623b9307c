package import LatchkeyCore
package import LatchkeyCrypto
import Synchronization

/// What a store is, in the plainest words: dictionaries and lists under one lock. Real stores are compared with it.
///
/// It keeps nothing beyond its own life, so "durable" is the one promise of `Store` that it cannot show.
package final class ModelStore: Store {
    private struct Row {
        var id: Int64
        var key: UserAPIKey {
            didSet { revision += 1 }
        }
        var revision = 0
    }

    private struct SettingSlot: Hashable {
        var setting: UserSetting
        var user: UserID
    }

    private struct State {
        var rows: [KeyReference: Row] = [:]
        var lastID: [KeyTable: Int64] = [:]
        var events: [AuditEvent] = []
        var settings: [SettingSlot: Bool] = [:]
        var facts: [DeploymentFact: String] = [:]
        var keyset: [KeysetEntry] = []
        var leases: [Job: Lease] = [:]
    }

    private struct Lease {
        var holder: String
        var fence: UInt64
        var expiresAt: Timestamp
    }

    private let state = Mutex(State())

    package init() {}

    package func key(_ reference: KeyReference) async throws -> UserAPIKey? {
        state.withLock { $0.rows[reference]?.key }
    }

    package func keyForUse(_ reference: KeyReference, fresh: Bool) async throws -> KeyForUse? {
        state.withLock { state in
            state.rows[reference].map { KeyForUse($0.key, revision: "\($0.id).\($0.revision)") }
        }
    }

    package func keys(of owner: KeyOwner) async throws -> [UserAPIKey] {
        state.withLock { state in
            state.rows.filter { $0.key.owner == owner }.values.map(\.key).sorted(by: Self.byProviderAndName)
        }
    }

    package func put(
        _ reference: KeyReference, unless fact: DeploymentFact?, event: AuditEvent,
        make: @escaping @Sendable (UserAPIKey?) throws -> UserAPIKey
    ) async throws -> UserAPIKey {
        try state.withLock { state in
            if let fact, state.facts[fact] != nil { throw fact.refusal }
            let existing = state.rows[reference]
            let key = try make(existing?.key)
            if let existing {
                state.rows[reference] = Row(id: existing.id, key: key, revision: existing.revision + 1)
            } else {
                let id = (state.lastID[reference.owner.table] ?? 0) + 1
                state.lastID[reference.owner.table] = id
                state.rows[reference] = Row(id: id, key: key)
            }
            var event = event
            event.rowVersion = key.sealed.rowVersion
            state.events.append(event)
            return key
        }
    }

    package func rewrite(
        _ first: KeyReference, _ second: KeyReference, events: [AuditEvent],
        make: @escaping @Sendable (UserAPIKey?, UserAPIKey?) throws -> KeyPair
    ) async throws -> KeyPair {
        try state.withLock { state in
            let pair = try make(state.rows[first]?.key, state.rows[second]?.key)
            Self.replace(first, with: pair.first, in: &state)
            Self.replace(second, with: pair.second, in: &state)
            state.events += events
            return pair
        }
    }

    private static func replace(_ reference: KeyReference, with key: UserAPIKey?, in state: inout State) {
        guard let key else {
            state.rows[reference] = nil
            return
        }
        guard state.rows[reference] == nil else {
            state.rows[reference]?.key = key
            return
        }
        let id = (state.lastID[reference.owner.table] ?? 0) + 1
        state.lastID[reference.owner.table] = id
        state.rows[reference] = Row(id: id, key: key)
    }

    package func recordCheck(
        _ reference: KeyReference, rowVersion: UInt64, check: CheckResult, lease: JobLease?, event: AuditEvent
    ) async throws -> Bool {
        try state.withLock { state in
            if let lease, state.leases[lease.job]?.fence != lease.fence { throw JobLease.lost }
            state.events.append(event)
            guard var key = state.rows[reference]?.key, key.sealed.rowVersion == rowVersion else { return false }
            key.verdict = check.verdict
            key.evidence = check.evidence
            if check.evidence.decisive { key.lastValidated = check.evidence.checkedAt }
            key.nextCheckAt = check.nextCheckAt
            state.rows[reference]?.key = key
            return true
        }
    }

    package func postponeCheck(_ reference: KeyReference, until time: Timestamp, event: AuditEvent) async throws {
        state.withLock { state in
            state.rows[reference]?.key.nextCheckAt = time
            state.events.append(event)
        }
    }

    package func delete(_ reference: KeyReference, event: AuditEvent) async throws -> UInt64? {
        state.withLock { state in
            guard let row = state.rows.removeValue(forKey: reference) else { return nil }
            var event = event
            event.rowVersion = row.key.sealed.rowVersion
            state.events.append(event)
            return row.key.sealed.rowVersion
        }
    }

    package func deleteAll(of owner: KeyOwner, event: AuditEvent) async throws -> Int {
        state.withLock { state in
            let before = state.rows.count
            state.rows = state.rows.filter { $0.key.owner != owner }
            let count = before - state.rows.count
            var event = event
            event.detail = "\(count)"
            state.events.append(event)
            return count
        }
    }

    package func keysDue(at now: Timestamp, limit: Int) async throws -> [UserAPIKey] {
        let due = state.withLock { state in
            state.rows.values.map(\.key).filter { $0.nextCheckAt.map { $0 <= now } ?? false }
        }
        return Array(due.sorted { ($0.nextCheckAt ?? now) < ($1.nextCheckAt ?? now) }.prefix(limit))
    }

    package func recordUse(_ uses: [(KeyReference, Timestamp)]) async throws {
        state.withLock { state in
            for (reference, time) in uses { state.rows[reference]?.key.lastUsedAt = time }
        }
    }

    package func append(_ event: AuditEvent) async throws { state.withLock { $0.events.append(event) } }

    package func append(_ event: AuditEvent, ofUsing use: KeyForUse) async throws -> Bool {
        state.withLock { state in
            let reference = KeyReference(use.key.owner, use.key.provider, use.key.name)
            let revision = state.rows[reference].map { "\($0.id).\($0.revision)" }
            guard use.revision == nil || revision == use.revision else { return false }
            state.events.append(event)
            return true
        }
    }

    package func lease(
        _ job: Job, for holder: String, until time: Timestamp, now: Timestamp
    ) async throws -> JobLease? {
        state.withLock { state in
            let current = state.leases[job]
            if let current, current.holder != holder, current.expiresAt > now { return nil }
            let isSame = current?.holder == holder
            let fence = (current?.fence ?? 0) + (isSame ? 0 : 1)
            state.leases[job] = Lease(holder: holder, fence: fence, expiresAt: time)
            return JobLease(job: job, fence: fence)
        }
    }

    package func events(limit: Int) async throws -> [AuditEvent] {
        state.withLock { Array($0.events.reversed().prefix(limit)) }
    }

    package func setting(_ setting: UserSetting, of user: UserID) async throws -> Bool? {
        state.withLock { $0.settings[SettingSlot(setting: setting, user: user)] }
    }

    package func set(_ setting: UserSetting, to value: Bool, of user: UserID, event: AuditEvent) async throws {
        state.withLock { state in
            state.settings[SettingSlot(setting: setting, user: user)] = value
            state.events.append(event)
        }
    }

    package func fact(_ fact: DeploymentFact) async throws -> String? { state.withLock { $0.facts[fact] } }

    package func set(_ fact: DeploymentFact, to value: String, event: AuditEvent) async throws {
        state.withLock { state in
            state.facts[fact] = value
            state.events.append(event)
        }
    }

    package func keyset() async throws -> [KeysetEntry] { state.withLock { $0.keyset } }

    package func initializeKeyset(_ entry: KeysetEntry) async throws -> [KeysetEntry] {
        state.withLock { state in
            if state.keyset.isEmpty { state.keyset = [entry] }
            return state.keyset
        }
    }

    /// Puts `entries` in place of the keyset: what a person who can write the database can do.
    package func replaceKeyset(_ entries: [KeysetEntry]) { state.withLock { $0.keyset = entries } }

    package func ping() async throws {}

    package func keyCount(_ table: KeyTable) async throws -> Int {
        state.withLock { state in state.rows.keys.count { $0.owner.table == table } }
    }

    package func keys(
        in table: KeyTable, afterRow id: Int64, limit: Int
    ) async throws -> [(id: Int64, key: UserAPIKey?)] {
        let rows = state.withLock { state in
            state.rows.filter { $0.key.owner.table == table && $0.value.id > id }.values.sorted { $0.id < $1.id }
        }
        return rows.prefix(limit).map { (id: $0.id, key: $0.key) }
    }

    private static func byProviderAndName(_ lhs: UserAPIKey, _ rhs: UserAPIKey) -> Bool {
        let left = (Array(lhs.provider.text.utf8), Array(lhs.name.text.utf8))
        let right = (Array(rhs.provider.text.utf8), Array(rhs.name.text.utf8))
        return left.0 == right.0
            ? left.1.lexicographicallyPrecedes(right.1) : left.0.lexicographicallyPrecedes(right.0)
    }
}
