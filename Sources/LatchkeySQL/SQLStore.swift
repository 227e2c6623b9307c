package import LatchkeyCore
package import LatchkeyCrypto

/// `Store` on SQL: every statement once, over a small driver.
package struct SQLStore: Store {
    package let driver: any SQLDriver
    let rows: SealedRowCache?
    /// For reads that may take a moment: few at once, so that they leave room for the rest.
    let aside = ConcurrencyLimiter(limit: 2)

    /// - Parameter remembersRows: for a service: rows that are handed out again and again are kept, sealed, and what
    ///   other nodes change is listened to.
    package init(driver: any SQLDriver, remembersRows: Bool = false) {
        self.driver = driver
        rows = remembersRows ? SealedRowCache(changes: driver.changes) : nil
    }

    /// Migrates the database to this program's schema.
    /// - Returns: what was run.
    /// - Throws: `schema_too_new`, `schema_changed`: nothing was written.
    @discardableResult
    package func migrate() async throws -> [Migration] {
        let missing = try await missingMigrations()
        return missing.isEmpty ? [] : try await driver.migrate(Schema.migrations(driver.dialect))
    }

    package func missingMigrations() async throws -> [Migration] {
        try SchemaCheck.missing(Schema.migrations(driver.dialect), applied: try await driver.appliedMigrations())
    }

    package func ping() async throws {
        try await driver.query(SettingStatements.one, []) { _ in }
    }
}

// Keys
extension SQLStore {
    package func key(_ reference: KeyReference) async throws -> UserAPIKey? {
        let table = reference.owner.table
        var key: UserAPIKey?
        try await driver.query(KeyStatements.for(table).select, Self.name(reference)) { row in
            key = KeyRow.decode(row, of: reference.owner, table: table, as: reference)
        }
        return key
    }

    package func keys(of owner: KeyOwner) async throws -> [UserAPIKey] {
        let table = owner.table
        var keys: [UserAPIKey] = []
        try await driver.query(KeyStatements.for(table).selectAll, [.text(owner.column)]) { row in
            if let key = KeyRow.decode(row, of: owner, table: table) { keys.append(key) }
        }
        return keys
    }

    package func put(
        _ reference: KeyReference, unless fact: DeploymentFact?, event: AuditEvent,
        make: @escaping @Sendable (UserAPIKey?) throws -> UserAPIKey
    ) async throws -> UserAPIKey {
        let key = try await driver.transaction(evidence: AuditStatements.evidence(event)) { transaction in
            if let fact {
                // Whoever makes it a fact waits for us, or we for them.
                try Self.takeTurns(at: fact.rawValue, in: transaction)
                var isTrue = false
                try transaction.query(SettingStatements.selectFact, [.text(fact.rawValue)]) { _ in isTrue = true }
                guard !isTrue else { throw fact.refusal }
            }
            // One round where a writer is alone, as on SQLite, or the row is there and locked. Otherwise another's new row
            // may come between: then nothing was changed here, and the next round sees it.
            for _ in 0..<16 {
                guard let key = try Self.putOnce(reference, in: transaction, make) else { continue }
                var event = event
                event.rowVersion = key.sealed.rowVersion
                try transaction.send(AuditStatements.insert, AuditStatements.values(event))
                return key
            }
            throw LatchkeyError(.storeUnavailable, "too many others are writing this key", hint: "try again")
        }
        changed(reference)
        return key
    }

    /// - Returns: nil when somebody else wrote the row meanwhile.
    private static func putOnce(
        _ reference: KeyReference, in transaction: any SQLTransaction, _ make: (UserAPIKey?) throws -> UserAPIKey
    ) throws -> UserAPIKey? {
        let table = reference.owner.table
        let statements = KeyStatements.for(table)
        var existing: UserAPIKey?
        try transaction.query(statements.selectForUpdate, name(reference)) { row in
            existing = KeyRow.decode(row, of: reference.owner, table: table, as: reference)
        }
        if let version = existing?.sealed.rowVersion, version == 0 || version > UInt64(Int64.max) {
            // No version that was ever written: the row was spoilt. Its owner's new key takes its place.
            try transaction.query(statements.delete, name(reference)) { _ in }
            existing = nil
        }
        let key = try make(existing)
        let values = KeyRow.values(key)
        let changed =
            if let existing {
                try transaction.execute(
                    statements.update, values + [.integer(Int64(clamping: existing.sealed.rowVersion))])
            } else {
                try transaction.execute(statements.insert, values)
            }
        return changed == 1 ? key : nil
    }

    package func recordCheck(
        _ reference: KeyReference, rowVersion: UInt64, check: CheckResult, lease: JobLease?, event: AuditEvent
    ) async throws -> Bool {
        let statements = KeyStatements.for(reference.owner.table)
        let values: [SQLValue] =
            Self.name(reference) + [
                .integer(Int64(clamping: rowVersion)), .text(check.verdict.rawValue), .bool(check.verdict.isValid),
                SQLValue(check.evidence.httpStatus), SQLValue(check.evidence.code), SQLValue(check.evidence.checkedAt),
                .bool(check.evidence.decisive), .bool(check.evidence.decisive), SQLValue(check.nextCheckAt),
            ]
        let isRecorded = try await driver.transaction(evidence: AuditStatements.evidence(event)) { transaction in
            if let lease { try Self.checkHolds(lease, in: transaction) }
            let changed = try transaction.execute(statements.recordCheck, values)
            try transaction.send(AuditStatements.insert, AuditStatements.values(event))
            return changed == 1
        }
        changed(reference)
        return isRecorded
    }

    package func delete(_ reference: KeyReference, event: AuditEvent) async throws -> UInt64? {
        let statements = KeyStatements.for(reference.owner.table)
        let version: UInt64? = try await driver.transaction(evidence: AuditStatements.evidence(event)) { transaction in
            var found: Int64?
            // A version that cannot be read does not keep its owner from deleting the row.
            try transaction.query(statements.delete, Self.name(reference)) { found = max(0, $0.integer(0) ?? 0) }
            guard let version = found else { return nil }
            var event = event
            event.rowVersion = UInt64(clamping: version)
            try transaction.send(AuditStatements.insert, AuditStatements.values(event))
            return UInt64(clamping: version)
        }
        changed(reference)
        return version
    }

    package func postponeCheck(_ reference: KeyReference, until time: Timestamp, event: AuditEvent) async throws {
        let statements = KeyStatements.for(reference.owner.table)
        try await driver.transaction(evidence: AuditStatements.evidence(event)) { transaction in
            try transaction.send(statements.postpone, Self.name(reference) + [.text(time.sql)])
            try transaction.send(AuditStatements.insert, AuditStatements.values(event))
        }
    }

    package func deleteAll(of owner: KeyOwner, event: AuditEvent) async throws -> Int {
        let statements = KeyStatements.for(owner.table)
        let (count, deleted) = try await driver.transaction(evidence: AuditStatements.evidence(event)) { transaction in
            var count = 0
            var deleted: [KeyReference] = []
            try transaction.query(statements.deleteAll, [.text(owner.column)]) { row in
                count += 1
                // A row whose names are spoilt was never remembered under them.
                guard let provider = row.text(0).flatMap({ ProviderID($0) }),
                    let name = row.text(1).flatMap({ try? KeyName($0) })
                else { return }
                deleted.append(KeyReference(owner, provider, name))
            }
            var event = event
            event.detail = "\(count)"
            try transaction.send(AuditStatements.insert, AuditStatements.values(event))
            return (count, deleted)
        }
        for reference in deleted { changed(reference) }
        return count
    }

    package func keysDue(at now: Timestamp, limit: Int) async throws -> [UserAPIKey] {
        var due: [UserAPIKey] = []
        for table in KeyTable.allCases {
            try await driver.query(KeyStatements.for(table).due, [.text(now.sql), .integer(Int64(limit))]) { row in
                if let key = KeyRow.decode(row, of: nil, table: table) { due.append(key) }
            }
        }
        let epoch = Timestamp(microseconds: 0)
        return Array(due.sorted { ($0.nextCheckAt ?? epoch) < ($1.nextCheckAt ?? epoch) }.prefix(limit))
    }

    package func recordUse(_ uses: [(KeyReference, Timestamp)]) async throws {
        // In one order on every node: two that wait for each other's rows would have to be undone.
        let uses = uses.sorted { Self.order($0.0).lexicographicallyPrecedes(Self.order($1.0)) }
        try await driver.transaction { transaction in
            for (reference, time) in uses {
                try transaction.send(
                    KeyStatements.for(reference.owner.table).recordUse, Self.name(reference) + [.text(time.sql)])
            }
        }
    }

    package func keyCount(_ table: KeyTable) async throws -> Int {
        var count: Int64 = 0
        try await driver.query(KeyStatements.for(table).count, []) { count = $0.integer(0) ?? 0 }
        return Int(count)
    }

    package func keys(
        in table: KeyTable, afterRow id: Int64, limit: Int
    ) async throws -> [(id: Int64, key: UserAPIKey?)] {
        var rows: [(id: Int64, key: UserAPIKey?)] = []
        try await driver.query(KeyStatements.for(table).walk, [.integer(id), .integer(Int64(limit))]) { row in
            rows.append((row.integer(KeyRow.idColumn) ?? 0, KeyRow.decode(row, of: nil, table: table)))
        }
        return rows
    }

    static func ordered(_ references: [KeyReference]) -> [KeyReference] {
        references.sorted { order($0).lexicographicallyPrecedes(order($1)) }
    }

    private static func order(_ reference: KeyReference) -> [UInt8] {
        Array("\(reference.owner.column)\u{0}\(reference.provider.text)\u{0}\(reference.name.text)".utf8)
    }

    static func name(_ reference: KeyReference) -> [SQLValue] {
        [.text(reference.owner.column), .text(reference.provider.text), .text(reference.name.text)]
    }
}

// Audit, settings, keyset
extension SQLStore {
    package func append(_ event: AuditEvent) async throws {
        try await driver.execute(
            AuditStatements.insert, AuditStatements.values(event), evidence: AuditStatements.evidence(event))
    }

    package func events(limit: Int) async throws -> [AuditEvent] {
        var events: [AuditEvent] = []
        try await driver.query(AuditStatements.newest, [.integer(Int64(limit))]) { row in
            events.append(try AuditStatements.decode(row))
        }
        return events
    }

    package func setting(_ setting: UserSetting, of user: UserID) async throws -> Bool? {
        var value: Bool?
        try await driver.query(SettingStatements.selectSetting, [.text(user.text), .text(setting.rawValue)]) { row in
            value = row.bool(0)
        }
        return value
    }

    package func set(_ setting: UserSetting, to value: Bool, of user: UserID, event: AuditEvent) async throws {
        try await driver.transaction(evidence: AuditStatements.evidence(event)) { transaction in
            try transaction.send(
                SettingStatements.upsertSetting, [.text(user.text), .text(setting.rawValue), .bool(value)])
            try transaction.send(AuditStatements.insert, AuditStatements.values(event))
        }
    }

    package func fact(_ fact: DeploymentFact) async throws -> String? {
        var value: String?
        try await driver.query(SettingStatements.selectFact, [.text(fact.rawValue)]) { value = $0.text(0) }
        return value
    }

    package func set(_ fact: DeploymentFact, to value: String, event: AuditEvent) async throws {
        try await driver.transaction(evidence: AuditStatements.evidence(event)) { transaction in
            try Self.takeTurns(at: fact.rawValue, in: transaction)
            try transaction.send(SettingStatements.upsertFact, [.text(fact.rawValue), .text(value)])
            try transaction.send(AuditStatements.insert, AuditStatements.values(event))
        }
    }

    package func keyset() async throws -> [KeysetEntry] {
        var entries: [KeysetEntry] = []
        try await driver.query(SettingStatements.selectKeyset, []) { entries.append(try Self.decodeKeyset($0)) }
        return entries
    }

    package func initializeKeyset(_ entry: KeysetEntry) async throws -> [KeysetEntry] {
        try await driver.transaction { transaction in
            try Self.takeTurns(at: "keyset", in: transaction)
            var existing: [KeysetEntry] = []
            try transaction.query(SettingStatements.selectKeyset, []) { existing.append(try Self.decodeKeyset($0)) }
            guard existing.isEmpty else { return existing }
            try transaction.execute(
                SettingStatements.insertKeyset,
                [
                    .integer(Int64(entry.kid)), .text(entry.state.rawValue), .utf8(Hex.encode(entry.checkValue)),
                    .text(entry.createdAt), .utf8(Hex.encode(entry.mac)),
                ])
            return [entry]
        }
    }

    private static func decodeKeyset(_ row: any SQLRow) throws -> KeysetEntry {
        guard let kid = row.integer(0).flatMap({ UInt32(exactly: $0) }),
            let state = row.text(1).flatMap({ KeysetEntry.State(rawValue: $0) }),
            let check = row.withText(2, Hex.decode) ?? nil, let createdAt = row.text(3),
            let mac = row.withText(4, Hex.decode) ?? nil
        else {
            throw LatchkeyError(
                .rootMismatch, "the keyset table holds an entry that cannot be read",
                hint: "restore the keyset table from a backup")
        }
        return KeysetEntry(kid: kid, state: state, checkValue: check, createdAt: createdAt, mac: mac)
    }
}
