import LatchkeyCrypto

extension KeyVault {
    /// Makes a named key the one that serves where no name is said: it and the key named `default`, if there is one,
    /// exchange names.
    ///
    /// The name is part of what a record is sealed for, so both are opened and sealed anew, each under a version that
    /// neither name ever had. Everything else goes with its key: label, expiry, verdict, address, last use. Budgets and
    /// recorded usage stay with the name.
    /// - Returns: the key that is the default now, and the one that was; nil where there was none, or where the key was
    ///   the default already.
    /// - Throws: `key_not_found`; `integrity` when one of the two does not open: nothing was changed then.
    package func makeDefault(
        _ reference: KeyReference, by caller: Caller
    ) async throws -> (key: UserAPIKey, former: UserAPIKey?) {
        try policy.checkWritable()
        guard reference.name != .default else {
            guard let key = try await store.key(reference) else { throw Self.notFound(reference) }
            return (key, nil)
        }
        // Each round that is lost was won by another exchange or set of the same two names.
        for _ in 0..<64 {
            do { return try await exchange(reference, by: caller) } catch is StaleKey {}
        }
        throw LatchkeyError(.storeUnavailable, "this key is being changed all the time", hint: "try again")
    }

    /// - Throws: `StaleKey` when one of the two was changed meanwhile: nothing was written.
    private func exchange(
        _ reference: KeyReference, by caller: Caller
    ) async throws -> (key: UserAPIKey, former: UserAPIKey?) {
        let standard = KeyReference(reference.owner, reference.provider, .default)
        guard let named = try await store.key(reference) else { throw Self.notFound(reference) }
        let former = try await store.key(standard)
        let (version, overflow) = max(named.sealed.rowVersion, former?.sealed.rowVersion ?? 0)
            .addingReportingOverflow(1)
        let now = clock.now()
        // Both under one request; the name is the one before.
        var events = [AuditEvent(at: now, exchanged: reference, rowVersion: version, detail: "to_default", by: caller)]
        if former != nil {
            events.append(
                AuditEvent(at: now, exchanged: standard, rowVersion: version, detail: "from_default", by: caller))
        }
        let promoted: Resealed
        let demoted: Resealed?
        do {
            guard !overflow, version <= UInt64(Int64.max) else { throw KeySealing.integrity }
            promoted = try await reseal(named, from: reference, to: standard, version: version, at: now)
            demoted =
                if let former {
                    try await reseal(former, from: standard, to: reference, version: version, at: now)
                } else { nil }
        } catch let error as LatchkeyError where error.code == .integrity {
            try await store.append(
                AuditEvent(
                    at: now, exchanged: reference, rowVersion: nil, detail: nil, by: caller,
                    outcome: error.code.rawValue))
            throw error
        }
        let written = try await store.rewrite(standard, reference, events: events) { oldStandard, oldNamed in
            guard let oldNamed, oldNamed.sealed == named.sealed, oldStandard?.sealed == former?.sealed else {
                throw StaleKey()
            }
            return KeyPair(promoted.row(from: oldNamed), oldStandard.flatMap { demoted?.row(from: $0) })
        }
        guard let key = written.first else { throw StaleKey() }
        return (key, written.second)
    }

    /// No event says that it is opened: nobody gets it, and the exchange has events of its own.
    private func reseal(
        _ row: UserAPIKey, from old: KeyReference, to new: KeyReference, version: UInt64, at now: Timestamp
    ) async throws -> Resealed {
        let sealer = try await sealing.sealer(for: new, credential: try await sealing.open(row, as: old))
        return Resealed(
            name: new.name, sealed: try sealer.seal(rowVersion: version, at: now), keyHash: sealer.keyHash,
            keyHint: sealer.keyHint, at: now)
    }

    /// What of a row changes with its name.
    private struct Resealed: Sendable {
        let name: KeyName
        let sealed: SealedRecord
        let keyHash: String
        let keyHint: String?
        let at: Timestamp

        /// - Parameter row: as it is in the write's own transaction: a check may have come between.
        func row(from row: UserAPIKey) -> UserAPIKey {
            var row = row
            row.name = name
            row.sealed = sealed
            row.keyHash = keyHash
            row.keyHint = keyHint
            row.updatedAt = at
            return row
        }
    }
}

extension AuditEvent {
    fileprivate init(
        at time: Timestamp, exchanged reference: KeyReference, rowVersion: UInt64?, detail: String?, by caller: Caller,
        outcome: String = "ok"
    ) {
        self.init(
            at: time, actor: caller.actor, action: .keyDefault, owner: reference.owner, provider: reference.provider,
            name: reference.name, rowVersion: rowVersion, outcome: outcome, detail: detail,
            requestID: caller.requestID)
    }
}
