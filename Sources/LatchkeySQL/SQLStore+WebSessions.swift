package import LatchkeyCore

extension SQLStore: WebSessionStore {
    package func webSession(_ id: String) async throws -> WebSessionRow? {
        var found: WebSessionRow?
        try await driver.query(WebSessionStatements.select, [.text(id)]) { found = WebSessionColumns.decode($0) }
        return found
    }

    @discardableResult
    package func addWebSession(
        _ row: WebSessionRow, of user: UserID, limit: Int, now: Timestamp, event: AuditEvent
    ) async throws -> [String] {
        let removed = try await driver.transaction(evidence: AuditStatements.evidence(event)) { transaction in
            // Two that count at the same moment would both find room.
            try Self.takeTurns(at: "web_sessions", in: transaction)
            try transaction.send(WebSessionStatements.deleteExpired, [.text(now.sql)])
            var oldest: [String] = []
            try transaction.query(
                WebSessionStatements.selectOldest,
                [.text(user.text), .text(row.kind.rawValue), .integer(Int64(max(limit - 1, 0)))]
            ) { if let id = $0.text(0) { oldest.append(id) } }
            for id in oldest {
                try transaction.send(
                    WebSessionStatements.delete, [.text(user.text), .text(id), .text(row.kind.rawValue)])
            }
            try transaction.execute(WebSessionStatements.insert, WebSessionColumns.values(row))
            try transaction.send(AuditStatements.insert, AuditStatements.values(event))
            return oldest
        }
        for id in removed { announceWebSession(id) }
        return removed
    }

    package func removeWebSession(
        _ id: String, kind: WebSessionRow.Kind, of user: UserID, event: AuditEvent?
    ) async throws -> Bool {
        // Without evidence: what is done over because nobody knows whether it was done finds nothing, and is not told that
        // it was the one.
        let isRemoved = try await driver.transaction { transaction in
            let name: [SQLValue] = [.text(user.text), .text(id), .text(kind.rawValue)]
            guard try transaction.execute(WebSessionStatements.delete, name) == 1 else { return false }
            if let event { try transaction.send(AuditStatements.insert, AuditStatements.values(event)) }
            return true
        }
        if isRemoved { announceWebSession(id) }
        return isRemoved
    }

    // Changes heard from other nodes, by a word that no key's change begins with.
    private static let webSessionChange = "web_session\u{1F}"

    private func announceWebSession(_ id: String) { driver.changes?.announce(Self.webSessionChange + id) }

    package func observeWebSessions(_ body: @escaping @Sendable (String?) -> Void) {
        observeChanges(after: Self.webSessionChange, body)
    }
}
