package import LatchkeyCore

extension SQLStore: AccessTokenStore {
    package func accessToken(_ id: String) async throws -> AccessTokenRow? {
        var found: AccessTokenRow?
        try await driver.query(AccessTokenStatements.select, [.text(id)]) { found = AccessTokenColumns.decode($0) }
        return found
    }

    package func accessTokens(of owner: KeyOwner, limit: Int) async throws -> [AccessTokenRow] {
        var rows: [AccessTokenRow] = []
        try await driver.query(
            AccessTokenStatements.for(owner).selectAll, [.text(owner.column), .integer(Int64(limit))]
        ) { rows.append(AccessTokenColumns.decode($0)) }
        return rows
    }

    package func addAccessToken(
        _ row: AccessTokenRow, of owner: KeyOwner, limit: Int, now: Timestamp, event: AuditEvent
    ) async throws {
        try await driver.transaction(evidence: AuditStatements.evidence(event)) { transaction in
            try Self.add(row, of: owner, limit: limit, now: now, in: transaction)
            try transaction.send(AuditStatements.insert, AuditStatements.values(event))
        }
        announce(row.id)
    }

    package func changeAccessToken(
        _ id: String, of owner: KeyOwner, limit: Int, now: Timestamp, event: AuditEvent,
        change: @escaping @Sendable (AccessTokenRow) throws -> AccessTokenChange
    ) async throws -> AccessTokenChange? {
        let statements = AccessTokenStatements.for(owner)
        let name: [SQLValue] = [.text(owner.column), .text(id)]
        let done: AccessTokenChange? = try await driver.transaction(evidence: AuditStatements.evidence(event)) {
            transaction in
            var found: AccessTokenRow?
            try transaction.query(statements.selectForUpdate, name) { found = AccessTokenColumns.decode($0) }
            guard let found else { return nil }
            let done = try change(found)
            switch done {
            case .unchanged: return done
            case .deleted: try transaction.execute(statements.delete, name)
            case .changed(let row): try transaction.execute(statements.update, AccessTokenColumns.values(row))
            case .rolled(let row, let successor):
                try transaction.execute(statements.update, AccessTokenColumns.values(row))
                try Self.add(successor, of: owner, limit: limit, now: now, in: transaction)
            }
            try transaction.send(AuditStatements.insert, AuditStatements.values(event))
            return done
        }
        announce(id)
        return done
    }

    private static func add(
        _ row: AccessTokenRow, of owner: KeyOwner, limit: Int, now: Timestamp, in transaction: any SQLTransaction
    ) throws {
        let statements = AccessTokenStatements.for(owner)
        // Two that count at the same moment would both find room.
        try takeTurns(at: "access_tokens", in: transaction)
        var live: Int64 = 0
        try transaction.query(statements.countLive, [.text(owner.column), .text(now.sql)]) {
            live = $0.integer(0) ?? 0
        }
        guard live < limit else {
            throw LatchkeyError(
                .invalidToken, "there are \(live) access tokens that work, and at most \(limit) may",
                hint: "revoke those that are not needed any more")
        }
        try transaction.execute(statements.insert, AccessTokenColumns.values(row))
    }

    package func recordAccessTokenUse(_ uses: [AccessTokenUse]) async throws {
        // In one order on every node: two that wait for each other's rows would have to be undone.
        let uses = uses.sorted { $0.id < $1.id }
        try await driver.transaction { transaction in
            for use in uses {
                try transaction.send(
                    AccessTokenStatements.for(use.owner).recordUse,
                    [.text(use.owner.column), .text(use.id), .text(use.at.sql)])
            }
        }
    }

    // Changes heard from other nodes, by a word that no key's change begins with.
    private static let change = "access_token\u{1F}"

    private func announce(_ id: String) { driver.changes?.announce(Self.change + id) }

    package func observeAccessTokens(_ body: @escaping @Sendable (String?) -> Void) {
        observeChanges(after: Self.change, body)
    }

    /// What is announced with this beginning, without it; nil when something may have been missed.
    func observeChanges(after beginning: String, _ body: @escaping @Sendable (String?) -> Void) {
        // As with rows of keys: a command that runs for a moment has nobody to listen for.
        guard rows != nil else { return }
        driver.changes?.observe(
            SQLChangeObserver(
                changed: { change in
                    guard change.hasPrefix(beginning) else { return }
                    body(String(change.dropFirst(beginning.count)))
                },
                missed: { body(nil) }))
    }
}
