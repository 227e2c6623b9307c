import LatchkeyCore

/// A row of `usage_events` to and from its columns.
enum UsageEventRow {
    static let idColumn = 21

    /// The values of `UsageStatements.columns`. The event is within its bounds (`UsageEvent.bounded`).
    static func values(_ event: UsageEvent) -> [SQLValue] {
        [
            .utf8(event.user.bytes), .text(event.id), .text(event.at.sql), .integer(event.at.daysSinceEpoch),
            .text(event.origin.rawValue), .text(event.provider.text), .text(event.keyName.text), SQLValue(event.source),
            SQLValue(event.tokenID), SQLValue(event.operation), SQLValue(event.model), SQLValue(event.tokens.input),
            SQLValue(event.tokens.output), SQLValue(event.tokens.cachedInput), SQLValue(event.cost),
            SQLValue(event.status), SQLValue(event.duration), SQLValue(event.firstByte), .bool(event.isStreamed),
            .bool(event.isEstimated), SQLValue(event.requestID),
        ]
    }

    /// - Returns: nil for a row whose user, provider, name or time cannot be read: it takes no other with it.
    static func decode(_ row: any SQLRow) -> UsageEvent? {
        guard let user = row.bytes(0).flatMap({ try? UserID($0) }), let id = row.text(1), let at = row.timestamp(2),
            let provider = row.text(5).flatMap({ ProviderID($0) }), let name = row.text(6).flatMap({ try? KeyName($0) })
        else { return nil }
        return UsageEvent(
            id: id, at: at, origin: row.text(4).flatMap { UsageEvent.Origin(rawValue: $0) } ?? .reported, user: user,
            provider: provider, keyName: name, source: row.text(7), tokenID: row.text(8), operation: row.text(9),
            model: row.text(10),
            tokens: TokenCounts(input: row.integer(11), output: row.integer(12), cachedInput: row.integer(13)),
            cost: row.integer(14), status: row.integer(15).flatMap { Int(exactly: $0) }, duration: row.integer(16),
            firstByte: row.integer(17), isStreamed: row.bool(18) ?? false, isEstimated: row.bool(19) ?? false,
            requestID: row.text(20))
    }

    /// A row of `UsageStatements.sums`.
    static func decodeSum(_ row: any SQLRow) -> UsageSum {
        var sum = UsageSum()
        sum.day = row.integer(0).flatMap { Timestamp(daysSinceEpoch: $0) }
        sum.user = row.bytes(1).flatMap { try? UserID($0) }
        sum.provider = row.text(2).flatMap { ProviderID($0) }
        sum.model = row.text(3).flatMap { $0.isEmpty ? nil : $0 }
        sum.keyName = row.text(4).flatMap { try? KeyName($0) }
        sum.requests = row.total(5)
        sum.input = row.total(6)
        sum.output = row.total(7)
        sum.cachedInput = row.total(8)
        sum.cost = row.total(9)
        sum.unpriced = row.total(10)
        return sum
    }
}

extension SQLValue {
    init(_ number: Int64?) { self = number.map { .integer($0) } ?? .null }
}
