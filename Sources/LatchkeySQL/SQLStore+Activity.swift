package import LatchkeyCore

extension SQLStore: ActivityStore {
    /// How many of the newest audit events are looked through for a user's hand-outs.
    private static let newestEvents: Int64 = 50_000

    package func activity(_ query: ActivityQuery) async throws -> ActivityPage {
        try await readAside { transaction in
            let owner = SQLValue.utf8(query.user.bytes)
            let before = SQLValue.integer(max(0, query.before ?? .max))
            // One more than is shown says whether there is more.
            let limit = SQLValue.integer(Int64(max(1, query.limit)) + 1)
            var lastID: Int64 = 0
            try transaction.query(ActivityStatements.lastID, []) { lastID = $0.integer(0) ?? 0 }
            let floor = lastID - Self.newestEvents
            var usesSince: Timestamp?
            if floor > 0 {
                try transaction.query(ActivityStatements.timeBefore, [.integer(floor)]) { usesSince = $0.timestamp(0) }
            }
            var found: [(id: Int64, event: AuditEvent?)] = []
            func note(_ row: any SQLRow) {
                // An event of a newer program's kind is passed over.
                found.append((row.integer(ActivityStatements.idColumn) ?? 0, try? AuditStatements.decode(row)))
            }
            try transaction.query(ActivityStatements.kept, [owner, before, limit], note)
            try transaction.query(ActivityStatements.uses, [owner, .integer(max(0, floor)), before, limit], note)
            found.sort { $0.id > $1.id }
            let shown = found.prefix(max(1, query.limit))
            return ActivityPage(
                events: shown.compactMap(\.event), next: found.count > shown.count ? shown.last?.id : nil,
                usesSince: usesSince)
        }
    }

    /// Reads that may take a moment: on a connection and a thread where no request's hot path waits, and not many of
    /// them at once.
    func readAside<Result: Sendable>(
        _ body: @escaping @Sendable (any SQLTransaction) throws -> Result
    ) async throws -> Result {
        try await aside.run {
            switch driver.dialect {
            case .sqlite: try await driver.snapshot(body)
            // A snapshot there is a connection of its own; the pool for transactions is as far from the hot path.
            case .postgresql: try await driver.transaction(body)
            }
        }
    }
}
