package import LatchkeyCrypto

/// One owner's keys: set, get, validate, status, remove (the reference system's `UserAPIKeyManager`).
///
/// Every change carries its audit event in the same transaction, and no key is opened for use before the event that
/// says so is durable.
package struct KeyVault: Sendable {
    package let store: any Store
    package let sealing: KeySealing
    package let catalogue: ProviderCatalogue
    package let probe: ProviderProbe
    package let policy: KeyPolicy
    package let clock: WallClock

    package init(
        store: any Store, sealing: KeySealing, catalogue: ProviderCatalogue, probe: ProviderProbe, policy: KeyPolicy,
        clock: WallClock
    ) {
        self.store = store
        self.sealing = sealing
        self.catalogue = catalogue
        self.probe = probe
        self.policy = policy
        self.clock = clock
    }

    /// Stores a key, checked with its provider first unless asked not to.
    ///
    /// A check that fails, or that cannot be made, never loses what the person typed: the key is stored with its verdict.
    /// - Parameter permit: asked about the row that is there, in the write's own transaction; what it throws undoes the
    ///   write and comes out here.
    /// - Returns: the row as stored, and remarks about the key's form.
    /// - Throws: a 4xx error with nothing changed; `key_refused` when `requireValid` and the provider refuses it.
    package func set(
        _ request: SetKeyRequest, of owner: KeyOwner, by caller: Caller,
        permit: @escaping @Sendable (UserAPIKey?) throws -> Void = { _ in }
    ) async throws -> (key: UserAPIKey, warnings: [String]) {
        let provider = try catalogue.provider(named: request.provider)
        let name = try request.name.map { try KeyName($0) } ?? .default
        if let label = request.label { try LabelFormat.check(label) }
        let bytes = request.key.secret.withUnsafeBytes { Array($0) }
        try KeyFormat.check(bytes)
        try refuseKeyInPlainSight(
            bytes, in: [request.name, request.label, request.baseURL] + request.fields.values.map { $0 })
        let now = clock.now()
        // The sealed expiry is in whole seconds, so the column beside it is too, and it is judged as it will be kept.
        let expiresAt = try request.expiresAt.map { given throws(LatchkeyError) in
            guard let expiresAt = Timestamp(unixSeconds: given.unixSeconds), expiresAt > now else {
                throw LatchkeyError(.invalidExpiry, "expires_at lies in the past, or beyond the year 9999")
            }
            return expiresAt
        }
        let baseURL = try policy.baseURL(request.baseURL, provider: provider, fields: request.fields)
        try policy.checkWritable()

        let outcome =
            request.validate
            ? await probe.check(provider, baseURL: baseURL, secret: request.key) : ProbeOutcome(verdict: nil)
        let reference = KeyReference(owner, provider.id, name)
        if request.requireValid { try await refuseUnlessValid(outcome, reference, caller) }

        let checkedAt = clock.now()
        let credential = Credential(
            baseURL: baseURL, expiresAt: expiresAt?.unixSeconds, fields: request.fields, kind: .apiKey,
            secret: request.key.secret.copy())
        let sealer = try await sealing.sealer(for: reference, credential: credential)
        let verdict = outcome.applied(to: .unknown)
        let event = AuditEvent(
            at: checkedAt, actor: caller.actor, action: .keySet, owner: owner, provider: provider.id, name: name,
            detail: verdict.rawValue, requestID: caller.requestID)
        let validated = request.validate
        // Whoever asked for no check is not given one a moment later.
        let nextCheckAt = policy.nextCheck(after: validated ? outcome : nil, at: checkedAt)
        let label = request.label
        // The set-up token may be overtaken by the end of set-up while the provider is asked.
        let closing: DeploymentFact? = caller.actor.kind == .setup ? .setupFinished : nil
        let stored = try await store.put(reference, unless: closing, event: event) { existing in
            try permit(existing)
            let version = (existing?.sealed.rowVersion ?? 0).addingReportingOverflow(1)
            guard !version.overflow, version.partialValue <= UInt64(Int64.max) else { throw KeySealing.integrity }
            return UserAPIKey(
                owner: owner, provider: provider.id, name: name,
                sealed: try sealer.seal(rowVersion: version.partialValue, at: checkedAt), keyHash: sealer.keyHash,
                keyHint: sealer.keyHint, kind: Credential.Kind.apiKey.rawValue, label: label, baseURL: baseURL,
                verdict: verdict, evidence: validated ? Evidence(outcome, at: checkedAt) : Evidence(),
                lastValidated: outcome.isDecisive ? checkedAt : nil, nextCheckAt: nextCheckAt, expiresAt: expiresAt,
                createdAt: existing?.createdAt ?? checkedAt, updatedAt: checkedAt, lastUsedAt: nil)
        }
        return (stored, provider.warnings(for: bytes))
    }

    /// A key pasted into a second field would be stored there unsealed, and shown.
    private func refuseKeyInPlainSight(_ key: [UInt8], in texts: [String?]) throws(LatchkeyError) {
        for text in texts where text.map({ $0.utf8.firstRange(of: key) != nil }) ?? false {
            throw LatchkeyError(.invalidKeyFormat, "the key stands in another member too, where it would not be sealed")
        }
    }

    private func refuseUnlessValid(
        _ outcome: ProbeOutcome, _ reference: KeyReference, _ caller: Caller
    ) async throws {
        guard outcome.isDecisive, let verdict = outcome.verdict, !verdict.isValid else { return }
        try await store.append(
            AuditEvent(
                at: clock.now(), actor: caller.actor, action: .keySet, owner: reference.owner,
                provider: reference.provider, name: reference.name, outcome: ErrorCode.keyRefused.rawValue,
                detail: verdict.rawValue, requestID: caller.requestID))
        throw LatchkeyError(
            .keyRefused, "\(reference.provider.text) answered that this key is \(verdict.rawValue); nothing was stored")
    }

    /// Every key of one owner, as rows: nothing is opened.
    package func status(of owner: KeyOwner) async throws -> [UserAPIKey] {
        try await store.keys(of: owner)
    }

    /// Opens one key for use. The event that says so is durable before this returns.
    ///
    /// - Parameters:
    ///   - detail: what for, in the audit event: a word from a fixed set.
    ///   - refusal: why the opened key may still not be used; asked before the event is written, which then says so.
    /// - Throws: `integrity`, or the refusal; both are in the audit log. `StaleKey` when the row is not this one any more:
    ///   nothing was written then, and the caller reads it again.
    package func open(
        _ use: KeyForUse, as reference: KeyReference, by caller: Caller, detail: String,
        unless refusal: (borrowing Credential) -> LatchkeyError? = { _ in nil }
    ) async throws -> Credential {
        let row = use.key
        var event = AuditEvent(
            at: clock.now(), actor: caller.actor, action: .keyUse, owner: reference.owner, provider: reference.provider,
            name: reference.name, rowVersion: row.sealed.rowVersion, detail: detail, requestID: caller.requestID)
        do {
            let credential = try await sealing.open(row, as: reference)
            if let refusal = refusal(credential) { throw refusal }
            guard try await store.append(event, ofUsing: use) else { throw StaleKey() }
            return credential
        } catch let error as LatchkeyError where error.code != .storeUnavailable {
            // What is only remembered is no reason to refuse: the row may have been mended since.
            guard use.isFresh else { throw StaleKey() }
            event.outcome = error.code.rawValue
            try await store.append(event)
            throw error
        }
    }

    /// Asks the provider about a stored key again.
    ///
    /// - Throws: `key_not_found`, `integrity`.
    package func validate(_ reference: KeyReference, by caller: Caller) async throws -> UserAPIKey {
        guard let row = try await store.key(reference) else { throw Self.notFound(reference) }
        try await check(row, as: reference, by: caller)
        // As it stands now: somebody may have replaced or deleted it meanwhile.
        guard let updated = try await store.key(reference) else { throw Self.notFound(reference) }
        return updated
    }

    /// One check of one row, its result written unless the key was replaced meanwhile.
    ///
    /// - Parameter lease: under which the result is written, where one node checks for all.
    package func check(
        _ row: UserAPIKey, as reference: KeyReference, by caller: Caller, lease: JobLease? = nil
    ) async throws {
        guard let provider = catalogue[reference.provider] else {
            throw LatchkeyError(.unknownProviderPath, "this provider is no longer in the catalogue")
        }
        let credential = try await open(KeyForUse(row), as: reference, by: caller, detail: "check")
        // Destination from the sealed payload: a column that a DBA changed must not redirect a key.
        let baseURL = credential.baseURL
        let outcome = await probe.check(provider, baseURL: baseURL, secret: SharedSecret(credential.secret.copy()))
        let now = clock.now()
        let result = CheckResult(
            verdict: outcome.applied(to: row.verdict), evidence: Evidence(outcome, at: now),
            nextCheckAt: policy.nextCheck(after: outcome, at: now))
        let event = AuditEvent(
            at: now, actor: caller.actor, action: .keyCheck, owner: reference.owner, provider: reference.provider,
            name: reference.name, rowVersion: row.sealed.rowVersion,
            outcome: outcome.verdict == nil ? "postponed" : "ok",
            detail: result.verdict.rawValue, requestID: caller.requestID)
        _ = try await store.recordCheck(
            reference, rowVersion: row.sealed.rowVersion, check: result, lease: lease, event: event)
    }

    /// - Throws: `key_not_found`.
    package func remove(_ reference: KeyReference, by caller: Caller) async throws {
        let event = AuditEvent(
            at: clock.now(), actor: caller.actor, action: .keyDelete, owner: reference.owner,
            provider: reference.provider, name: reference.name, requestID: caller.requestID)
        guard try await store.delete(reference, event: event) != nil else { throw Self.notFound(reference) }
    }

    /// - Returns: how many there were.
    package func removeAll(of owner: KeyOwner, by caller: Caller) async throws -> Int {
        let event = AuditEvent(
            at: clock.now(), actor: caller.actor, action: .keyDeleteAll, owner: owner, requestID: caller.requestID)
        return try await store.deleteAll(of: owner, event: event)
    }

    package static func notFound(_ reference: KeyReference) -> LatchkeyError {
        LatchkeyError(
            .keyNotFound, "there is no such key for \(reference.provider.text)",
            hint: "POST /api/api-keys/set stores one")
    }
}

/// The row that was opened has been changed or deleted since it was read. Never reaches a caller from outside.
package struct StaleKey: Error {
    package init() {}
}
