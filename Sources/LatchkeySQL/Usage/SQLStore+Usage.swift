package import LatchkeyCore

extension SQLStore: UsageStore {
    @discardableResult
    package func writeUsage(_ entries: [UsageEntry], at now: Timestamp) async throws -> UsageWritten {
        for case .event(let event, _) in entries where !UsageEvent.isUsableID(event.id) {
            throw LatchkeyError(
                .invalidUsage, "the id of a usage event is not of the form", hint: "1 to 64 of A-Z a-z 0-9 . _ -")
        }
        guard !entries.isEmpty else { return UsageWritten() }
        let dialect = driver.dialect
        // No evidence: a second run finds everything done and changes nothing. All it gets wrong is how many were new.
        return try await driver.transaction { transaction in
            var writing = UsageWriting(transaction, dialect, at: now)
            return try writing.write(entries)
        }
    }

    package func usage(_ query: UsageQuery) async throws -> [UsageSum] {
        try await sums(
            UsageStatements.sums(by: query.dimensions, ofUser: query.user != nil), query.user, query.range,
            [.integer(Int64(max(0, query.limit))), .integer(Int64(max(0, query.offset)))])
    }

    package func unpricedModels(
        of user: UserID?, in range: UsageRange, limit: Int
    ) async throws -> [UsageSum] {
        try await sums(
            UsageStatements.unpriced(ofUser: user != nil), user, range, [.integer(Int64(max(0, limit)))])
    }

    private func sums(
        _ statement: SQLStatement, _ user: UserID?, _ range: UsageRange, _ rest: [SQLValue]
    ) async throws -> [UsageSum] {
        var sums: [UsageSum] = []
        let values = Self.owner(user) + [.text(range.from.sql), .text(range.to.sql)] + rest
        try await driver.query(statement, values) { sums.append(UsageEventRow.decodeSum($0)) }
        return sums
    }

    package func usageEvents(_ query: UsageEventQuery) async throws -> UsageEventPage {
        // Ids begin at 1: before the id 0 of a moment is before the moment.
        let end = UsageCursor(at: query.range.to, row: 0)
        let before = query.before.map { Self.earlier($0, end) } ?? end
        let limit = max(1, query.limit)
        var events: [UsageEvent] = []
        var rows = 0
        var last: UsageCursor?
        try await driver.query(
            query.user == nil ? UsageStatements.pageOfAll : UsageStatements.page,
            Self.owner(query.user) + [
                .text(query.range.from.sql), .text(before.at.sql), .integer(before.row), .integer(Int64(limit)),
            ]
        ) { row in
            rows += 1
            if let event = UsageEventRow.decode(row) { events.append(event) }
            if let at = row.timestamp(2), let id = row.integer(UsageEventRow.idColumn) {
                last = UsageCursor(at: at, row: id)
            }
        }
        return UsageEventPage(events: events, next: rows < limit ? nil : last)
    }

    private static func earlier(_ one: UsageCursor, _ other: UsageCursor) -> UsageCursor {
        (one.at, one.row) < (other.at, other.row) ? one : other
    }

    private static func owner(_ user: UserID?) -> [SQLValue] { user.map { [.utf8($0.bytes)] } ?? [] }
}
