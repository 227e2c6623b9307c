extension UsageEvent {
    /// More than any call uses: what is counted of one call is cut to it, so that no sum of calls overflows.
    package static let mostTokens: Int64 = 1_000_000_000_000
    /// A million dollars, in micro-dollars.
    package static let mostCost: Int64 = 1_000_000_000_000

    private static let times = Timestamp(microseconds: 0)...Timestamp(microseconds: 253_402_300_799_000_000)

    /// 1 to 64 of `A-Z a-z 0-9 . _ -`.
    package static func isUsableID(_ id: String) -> Bool { (try? KeyName(id)) != nil }

    /// The event as it is kept: every count between nothing and the most that can be, every text within its column and
    /// without control characters, the time between the years 1970 and 9999.
    package var bounded: UsageEvent {
        var event = self
        event.at = min(max(at, Self.times.lowerBound), Self.times.upperBound)
        event.source = source.map { Self.cut($0, to: 16) }
        event.tokenID = tokenID.map { Self.cut($0, to: 32) }
        event.operation = operation.map { Self.cut($0, to: 32) }
        event.model = model.map { Self.cut($0, to: 128) }
        event.tokens = tokens.bounded
        event.cost = cost.map { min(max($0, 0), Self.mostCost) }
        event.status = status.flatMap { (0...999).contains($0) ? $0 : nil }
        event.duration = duration.map { max(0, $0) }
        event.firstByte = firstByte.map { max(0, $0) }
        event.requestID = requestID.map { Self.cut($0, to: 64) }
        return event
    }

    /// At most so many bytes, of whole characters.
    static func cut(_ text: String, to bytes: Int) -> String {
        if text.utf8.count <= bytes, !text.unicodeScalars.contains(where: isControl) { return text }
        var cut = String.UnicodeScalarView()
        var count = 0
        for scalar in text.unicodeScalars where !isControl(scalar) {
            count += UTF8.width(scalar)
            if count > bytes { break }
            cut.append(scalar)
        }
        return String(cut)
    }
}

extension TokenCounts {
    package var bounded: TokenCounts {
        func bounded(_ count: Int64?) -> Int64? { count.map { min(max($0, 0), UsageEvent.mostTokens) } }
        return TokenCounts(input: bounded(input), output: bounded(output), cachedInput: bounded(cachedInput))
    }
}

/// What one call adds to budgets, by metric.
package struct UsageAmounts: Sendable, Equatable {
    package var requests: Int64
    package var tokens: Int64
    /// In micro-dollars.
    package var money: Int64

    package init(requests: Int64 = 0, tokens: Int64 = 0, money: Int64 = 0) {
        self.requests = requests
        self.tokens = tokens
        self.money = money
    }

    /// One call. What is not known counts nothing.
    package init(_ tokens: TokenCounts, cost: Int64?) {
        let tokens = tokens.bounded
        requests = 1
        self.tokens = (tokens.input ?? 0) + (tokens.output ?? 0)
        money = min(max(cost ?? 0, 0), UsageEvent.mostCost)
    }

    package subscript(_ metric: UsageLimit.Metric) -> Int64 {
        switch metric {
        case .money: money
        case .tokens: tokens
        case .requests: requests
        }
    }
}
