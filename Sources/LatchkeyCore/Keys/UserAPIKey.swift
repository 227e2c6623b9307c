package import LatchkeyCrypto

/// One stored key as its row says it: sealed, with what may be shown beside it. Nothing here is secret.
///
/// `kind`, `baseURL`, `expiresAt`, `keyHint` and `keyHash` repeat what is sealed, for display and queries. They are
/// believed only after opening has found them equal (`KeySealing`).
package struct UserAPIKey: Sendable, Equatable {
    package var owner: KeyOwner
    package var provider: ProviderID
    package var name: KeyName
    package var sealed: SealedRecord
    package var keyHash: String
    package var keyHint: String?
    package var kind: String
    package var label: String?
    package var baseURL: String
    package var verdict: Verdict
    package var evidence: Evidence
    package var lastValidated: Timestamp?
    package var nextCheckAt: Timestamp?
    package var expiresAt: Timestamp?
    package var createdAt: Timestamp
    package var updatedAt: Timestamp
    package var lastUsedAt: Timestamp?

    package init(
        owner: KeyOwner, provider: ProviderID, name: KeyName, sealed: SealedRecord, keyHash: String, keyHint: String?,
        kind: String, label: String?, baseURL: String, verdict: Verdict, evidence: Evidence, lastValidated: Timestamp?,
        nextCheckAt: Timestamp?, expiresAt: Timestamp?, createdAt: Timestamp, updatedAt: Timestamp,
        lastUsedAt: Timestamp?
    ) {
        self.owner = owner
        self.provider = provider
        self.name = name
        self.sealed = sealed
        self.keyHash = keyHash
        self.keyHint = keyHint
        self.kind = kind
        self.label = label
        self.baseURL = baseURL
        self.verdict = verdict
        self.evidence = evidence
        self.lastValidated = lastValidated
        self.nextCheckAt = nextCheckAt
        self.expiresAt = expiresAt
        self.createdAt = createdAt
        self.updatedAt = updatedAt
        self.lastUsedAt = lastUsedAt
    }

    /// The verdict that counts now: a key past its own expiry is expired, whatever the last check said.
    package func verdict(at now: Timestamp) -> Verdict {
        if let expiresAt, now >= expiresAt { return .expired }
        return verdict
    }
}

/// Which row: the owner is always part of it.
package struct KeyReference: Sendable, Hashable {
    package var owner: KeyOwner
    package var provider: ProviderID
    package var name: KeyName

    package init(_ owner: KeyOwner, _ provider: ProviderID, _ name: KeyName) {
        self.owner = owner
        self.provider = provider
        self.name = name
    }

    /// What the record key is derived for; from the authenticated request, never from a row.
    package var context: RecordContext {
        RecordContext(
            table: owner.table.rawValue, owner: owner.recordOwner, identity: [provider.text, name.text],
            field: "credential")
    }
}
