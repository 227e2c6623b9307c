/// One stretch of a limit's period, in UTC.
package struct UsageWindow: Sendable, Hashable {
    package let start: Timestamp
    /// Where the next one starts.
    package let end: Timestamp

    /// The one that `time` is in.
    package init(_ period: UsageLimit.Period, at time: Timestamp) {
        switch period {
        case .minute:
            start = Self.start(ofEvery: 60, time)
            end = start.advanced(bySeconds: 60)
        case .day:
            start = Self.start(ofEvery: 86_400, time)
            end = start.advanced(bySeconds: 86_400)
        case .month:
            start = Self.startOfMonth(time)
            // The longest month has 31 days.
            end = Self.startOfMonth(start.advanced(bySeconds: 32 * 86_400))
        }
    }

    private static func start(ofEvery seconds: Int64, _ time: Timestamp) -> Timestamp {
        let length = seconds * 1_000_000
        let since = time.microseconds % length
        let (start, overflow) = time.microseconds.subtractingReportingOverflow(since < 0 ? since + length : since)
        return overflow ? time : Timestamp(microseconds: start)
    }

    private static func startOfMonth(_ time: Timestamp) -> Timestamp {
        // `2026-08`, the beginning of `2026-08-01T12:00:00Z`.
        Timestamp(parsing: String(decoding: Array(time.rfc3339.utf8.prefix(7)), as: UTF8.self) + "-01T00:00:00Z")
            ?? time
    }
}

extension Timestamp {
    /// Days since 1970-01-01, in UTC.
    package var daysSinceEpoch: Int64 {
        let (days, rest) = unixSeconds.quotientAndRemainder(dividingBy: 86_400)
        return rest < 0 ? days - 1 : days
    }

    /// The first moment of a day; nil outside the years 1 to 9999.
    package init?(daysSinceEpoch days: Int64) {
        let (seconds, overflow) = days.multipliedReportingOverflow(by: 86_400)
        guard !overflow else { return nil }
        self.init(unixSeconds: seconds)
    }
}
