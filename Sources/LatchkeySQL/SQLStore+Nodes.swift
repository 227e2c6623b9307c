package import LatchkeyCore

// What several nodes on one database need of the store.
extension SQLStore {
    package func keyForUse(_ reference: KeyReference, fresh: Bool) async throws -> KeyForUse? {
        if !fresh, let remembered = rows?[reference] { return remembered }
        let use = try await readForUse(reference)
        if let use { rows?.remember(use, as: reference) } else { rows?.forget(reference) }
        return use
    }

    private func readForUse(_ reference: KeyReference) async throws -> KeyForUse? {
        guard driver.dialect == .postgresql else { return try await key(reference).map { KeyForUse($0) } }
        let table = reference.owner.table
        var use: KeyForUse?
        try await driver.query(KeyStatements.for(table).selectRevision, Self.name(reference)) { row in
            use = KeyRow.decode(row, of: reference.owner, table: table, as: reference).map {
                KeyForUse($0, revision: row.text(KeyRow.revisionColumn))
            }
        }
        return use
    }

    package func append(_ event: AuditEvent, ofUsing use: KeyForUse) async throws -> Bool {
        let reference = KeyReference(use.key.owner, use.key.provider, use.key.name)
        let statements = KeyStatements.for(reference.owner.table)
        let added: Int
        if let revision = use.revision {
            added = try await driver.execute(
                statements.appendUse, Self.name(reference) + [.text(revision)] + AuditStatements.values(event),
                evidence: AuditStatements.evidence(event))
        } else if use.isFresh {
            // Read a moment ago, and nothing to tell it by: a row that was spoilt may not even compare equal to itself.
            try await append(event)
            return true
        } else {
            added = try await driver.execute(
                statements.appendUseOfSame, KeyRow.essence(use.key) + AuditStatements.values(event))
        }
        if added == 0 { rows?.forget(reference) }
        return added == 1
    }

    /// Changed here: forgotten, and the other nodes are told.
    func changed(_ reference: KeyReference) {
        rows?.forget(reference)
        driver.changes?.announce(reference.change)
    }

    package func lease(
        _ job: Job, for holder: String, until time: Timestamp, now: Timestamp
    ) async throws -> JobLease? {
        try await driver.transaction { transaction in
            var found: (holder: String, fence: Int64, expiresAt: Timestamp)?
            try transaction.query(SettingStatements.selectLease, [.text(job.rawValue)]) { row in
                found = (row.text(0) ?? "", row.integer(1) ?? 0, row.timestamp(2) ?? now)
            }
            guard let found else {
                let values: [SQLValue] = [.text(job.rawValue), .text(holder), .integer(1), .text(time.sql)]
                let isOurs = try transaction.execute(SettingStatements.insertLease, values) == 1
                return isOurs ? JobLease(job: job, fence: 1) : nil
            }
            let isHolder = found.holder.utf8.elementsEqual(holder.utf8)
            guard isHolder || found.expiresAt <= now else { return nil }
            let fence = isHolder ? found.fence : found.fence &+ 1
            try transaction.send(
                SettingStatements.updateLease,
                [.text(job.rawValue), .text(holder), .integer(fence), .text(time.sql)])
            return JobLease(job: job, fence: UInt64(clamping: fence))
        }
    }

    /// One transaction at a time gets past this, on all nodes together; the others wait until it has ended.
    static func takeTurns(at what: String, in transaction: any SQLTransaction) throws {
        let never = Timestamp(microseconds: 0).sql
        // Whoever adds the row at the same moment waits here, whoever finds it waits at its lock.
        try transaction.execute(
            SettingStatements.insertLease, [.text(what), .text(""), .integer(0), .text(never)])
        try transaction.query(SettingStatements.selectLease, [.text(what)]) { _ in }
    }

    /// Locks the lease: it does not change hands before this transaction has ended.
    static func checkHolds(_ lease: JobLease, in transaction: any SQLTransaction) throws {
        var fence: Int64?
        try transaction.query(SettingStatements.selectLease, [.text(lease.job.rawValue)]) { fence = $0.integer(1) }
        guard fence.flatMap({ UInt64(exactly: $0) }) == lease.fence else { throw JobLease.lost }
    }
}
