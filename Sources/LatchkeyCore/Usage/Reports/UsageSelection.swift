/// Which usage somebody asks for, out of the words of a query or of a command line.
package struct UsageSelection: Sendable, Equatable {
    package var range: UsageRange
    /// In the order of `UsageDimension`.
    package var dimensions: [UsageDimension]

    /// A leap year.
    package static let mostDays: Int64 = 366
    /// What is looked at when nothing is said: today and the days before.
    package static let usualDays: Int64 = 30

    /// - Parameters:
    ///   - from: a day or a moment, inclusive.
    ///   - to: a day or a moment, exclusive. A day is its first moment, in UTC.
    ///   - by: names of dimensions with commas between.
    /// - Throws: `invalid_request`.
    package init(
        from: String?, to: String?, by: String?, allowed: [UsageDimension], now: Timestamp
    ) throws(LatchkeyError) {
        range = try UsageRange(from: from, to: to, now: now)
        dimensions = try Self.dimensions(by, allowed: allowed)
    }

    private static func dimensions(
        _ text: String?, allowed: [UsageDimension]
    ) throws(LatchkeyError) -> [UsageDimension] {
        guard let text, !text.isEmpty else { return [.day] }
        var found: Set<UsageDimension> = []
        for word in text.utf8.split(separator: UInt8(ascii: ","), omittingEmptySubsequences: false) {
            let dimension = UsageDimension(rawValue: String(decoding: Array(word), as: UTF8.self))
            guard let dimension, allowed.contains(dimension), found.insert(dimension).inserted else {
                throw LatchkeyError(
                    .invalidRequest,
                    "by is not a list, without repetition, of \(allowed.map(\.rawValue).joined(separator: ", "))",
                    hint: "write for example by=day,model")
            }
        }
        // Two providers' keys of one name have nothing in common.
        if found.contains(.key) { found.insert(.provider) }
        return UsageDimension.allCases.filter { found.contains($0) }
    }
}

extension UsageRange {
    /// - Throws: `invalid_request` for what is no time, for an end that is not after the beginning, and for more than
    ///   `UsageSelection.mostDays`.
    package init(from: String?, to: String?, now: Timestamp) throws(LatchkeyError) {
        let tomorrow = Timestamp(daysSinceEpoch: now.daysSinceEpoch + 1) ?? now
        let to = try to.map { text throws(LatchkeyError) in try Self.time("to", text) } ?? tomorrow
        let from =
            try from.map { text throws(LatchkeyError) in try Self.time("from", text) }
            ?? to.advanced(bySeconds: -UsageSelection.usualDays * 86_400)
        guard from < to else {
            throw LatchkeyError(.invalidRequest, "from is not before to", hint: "to is exclusive")
        }
        guard to <= from.advanced(bySeconds: UsageSelection.mostDays * 86_400) else {
            throw LatchkeyError(.invalidRequest, "from and to are more than \(UsageSelection.mostDays) days apart")
        }
        self.init(from: from, to: to)
    }

    private static func time(_ name: String, _ text: String) throws(LatchkeyError) -> Timestamp {
        let isDay = text.utf8.count == 10
        let isMoment = text.utf8.contains(UInt8(ascii: "T"))
        guard isDay || isMoment, let time = Timestamp(parsing: isDay ? "\(text)T00:00:00Z" : text) else {
            throw LatchkeyError(
                .invalidRequest, "\(name) is neither a day nor a moment",
                hint: "write 2026-08-01, or 2026-08-01T12:00:00Z")
        }
        return time
    }
}
