package import LatchkeyCrypto

/// Where sealed rows and audit events are kept. A store never sees a key: sealing happens above it.
///
/// Every call that changes something takes the event that says so and writes both in one transaction. What a call
/// acknowledges is durable. Any failure of the database is `store_unavailable`, and then nothing was changed.
/// `StoreContract` in LatchkeyTesting is what an implementation has to pass.
package protocol Store: Sendable {
    /// One row of its owner, or nil.
    func key(_ reference: KeyReference) async throws -> UserAPIKey?

    /// One row of its owner for a hand-out. It may be one that was read before; what is handed out is not believed until
    /// `append(_:ofUsing:)` has said that the row is still this one.
    ///
    /// - Parameter fresh: read it now.
    func keyForUse(_ reference: KeyReference, fresh: Bool) async throws -> KeyForUse?

    /// Every row of one owner, by provider and name.
    func keys(of owner: KeyOwner) async throws -> [UserAPIKey]

    /// Writes one row, new or in place of the one that is there.
    ///
    /// `make` is given the row it replaces and returns the new one, sealed under `row_version` one higher (1 when
    /// there was none). It may be called again when somebody else's write came first.
    ///
    /// - Parameter fact: refuses the write, in the same transaction, once the deployment has this fact.
    func put(
        _ reference: KeyReference, unless fact: DeploymentFact?, event: AuditEvent,
        make: @escaping @Sendable (UserAPIKey?) throws -> UserAPIKey
    ) async throws -> UserAPIKey

    /// Writes two rows of one owner, each new, changed or gone, in one transaction.
    ///
    /// `make` is given both as they are and returns both as they are to be. It may be called again when the database undid
    /// the transaction.
    /// - Parameter events: written with them as they are.
    /// - Throws: what `make` throws, and `StaleKey` when somebody else made a row meanwhile: nothing was changed.
    func rewrite(
        _ first: KeyReference, _ second: KeyReference, events: [AuditEvent],
        make: @escaping @Sendable (UserAPIKey?, UserAPIKey?) throws -> KeyPair
    ) async throws -> KeyPair

    /// Writes the result of a check, unless the key was replaced meanwhile.
    /// - Parameter lease: refuses the write, in the same transaction, once the lease has gone to another node.
    /// - Returns: whether the row still had `rowVersion`.
    func recordCheck(
        _ reference: KeyReference, rowVersion: UInt64, check: CheckResult, lease: JobLease?, event: AuditEvent
    ) async throws -> Bool

    /// Puts the next check of a key off, whatever version it has: for one whose check did not come to a result.
    func postponeCheck(_ reference: KeyReference, until time: Timestamp, event: AuditEvent) async throws

    /// - Returns: the deleted row's version, or nil when there was no such row (then no event is written).
    func delete(_ reference: KeyReference, event: AuditEvent) async throws -> UInt64?

    /// - Returns: how many rows were deleted. The event is written even for none, with the count as its detail.
    func deleteAll(of owner: KeyOwner, event: AuditEvent) async throws -> Int

    /// Keys whose next check is due at `now`, oldest first; of users and global alike.
    func keysDue(at now: Timestamp, limit: Int) async throws -> [UserAPIKey]

    /// Notes when keys were last used. Not an audit record: it may lag by a flush interval.
    func recordUse(_ uses: [(KeyReference, Timestamp)]) async throws

    /// Durable when it returns. Many appends may share one commit.
    func append(_ event: AuditEvent) async throws

    /// Appends the event of a hand-out, exactly when the row is still the one that was read.
    /// - Returns: false when it was changed or deleted meanwhile; nothing was written then.
    func append(_ event: AuditEvent, ofUsing key: KeyForUse) async throws -> Bool

    /// The newest events first; for tests and administration.
    func events(limit: Int) async throws -> [AuditEvent]

    /// nil where the user never set it.
    func setting(_ setting: UserSetting, of user: UserID) async throws -> Bool?
    func set(_ setting: UserSetting, to value: Bool, of user: UserID, event: AuditEvent) async throws

    /// A fact about the whole deployment, such as that set-up is finished.
    func fact(_ fact: DeploymentFact) async throws -> String?
    func set(_ fact: DeploymentFact, to value: String, event: AuditEvent) async throws

    func keyset() async throws -> [KeysetEntry]
    /// Adds the entry if the keyset is still empty.
    /// - Returns: the keyset afterwards: another node's entry when that one came first.
    func initializeKeyset(_ entry: KeysetEntry) async throws -> [KeysetEntry]

    /// Takes or keeps the lease on a job that one node at a time does.
    /// - Returns: nil while another node holds it.
    func lease(_ job: Job, for holder: String, until time: Timestamp, now: Timestamp) async throws -> JobLease?

    /// Whether the database answers now.
    func ping() async throws

    /// How many rows each table of keys holds.
    func keyCount(_ table: KeyTable) async throws -> Int
    /// Rows of a table in the order of their ids, for walking through all of them; nil for a row that cannot be read.
    func keys(in table: KeyTable, afterRow id: Int64, limit: Int) async throws -> [(id: Int64, key: UserAPIKey?)]
}

/// Two rows of one owner; nil where there is none.
package struct KeyPair: Sendable, Equatable {
    package var first: UserAPIKey?
    package var second: UserAPIKey?

    package init(_ first: UserAPIKey?, _ second: UserAPIKey?) {
        self.first = first
        self.second = second
    }
}

/// A row that is about to be opened and handed out.
package struct KeyForUse: Sendable, Equatable {
    package var key: UserAPIKey
    /// What every change of the row changes, where the store has such a thing.
    package var revision: String?
    /// Whether it was read now, and not remembered.
    package var isFresh: Bool

    package init(_ key: UserAPIKey, revision: String? = nil, isFresh: Bool = true) {
        self.key = key
        self.revision = revision
        self.isFresh = isFresh
    }
}

/// Work that one node at a time does for all.
package enum Job: String, Sendable {
    case revalidation
    case retention

    /// A name that tells this process from the others that share the database.
    static func newHolder() -> String {
        (0..<4).map { _ in String(UInt32.random(in: .min ... .max), radix: 16) }.joined(separator: "-")
    }
}

/// The right to do a job for a while. Each time it changes hands its fence is one higher, and what is written under a
/// lower one is refused: a node that slept through the end of its lease does no harm when it wakes.
package struct JobLease: Sendable, Equatable {
    package let job: Job
    package let fence: UInt64

    package init(job: Job, fence: UInt64) {
        self.job = job
        self.fence = fence
    }

    package static let lost = LatchkeyError(.storeUnavailable, "another node does this job now")
}

/// What a check changes in a row.
package struct CheckResult: Sendable, Equatable {
    package var verdict: Verdict
    package var evidence: Evidence
    package var nextCheckAt: Timestamp?

    package init(verdict: Verdict, evidence: Evidence, nextCheckAt: Timestamp?) {
        self.verdict = verdict
        self.evidence = evidence
        self.nextCheckAt = nextCheckAt
    }
}

package enum UserSetting: String, Sendable {
    case globalFallback = "global_fallback"
    /// May another of the user's own keys serve when the first is at its limit or out of credit?
    case keyFailover = "key_failover"
}

package enum DeploymentFact: String, Sendable {
    case setupFinished = "setup_finished"

    /// What a write is told that the fact forbids.
    package var refusal: LatchkeyError {
        switch self {
        case .setupFinished:
            LatchkeyError(
                .setupClosed, "set-up is finished and its token no longer opens anything",
                hint: "use an administrator's JWT, or `latchkey import global`")
        }
    }
}

extension Store {
    package func put(
        _ reference: KeyReference, event: AuditEvent, make: @escaping @Sendable (UserAPIKey?) throws -> UserAPIKey
    ) async throws -> UserAPIKey {
        try await put(reference, unless: nil, event: event, make: make)
    }

    package func recordCheck(
        _ reference: KeyReference, rowVersion: UInt64, check: CheckResult, event: AuditEvent
    ) async throws -> Bool {
        try await recordCheck(reference, rowVersion: rowVersion, check: check, lease: nil, event: event)
    }
}
