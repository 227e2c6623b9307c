/// Sums of usage as a table: the same columns in CSV and on a terminal.
package struct UsageTable: Sendable {
    package let columns: [String]
    package let rows: [[String]]

    /// - Parameter dimensions: what the sums are grouped by.
    package init(_ sums: [UsageSum], by dimensions: [UsageDimension]) {
        columns =
            dimensions.map(\.member) + [
                "requests", "input_tokens", "output_tokens", "cached_tokens", "cost_micros", "cost_usd",
                "unpriced_requests",
            ]
        rows = sums.map { sum in
            dimensions.map { sum.text(of: $0) ?? "" } + [
                "\(sum.requests)", "\(sum.input)", "\(sum.output)", "\(sum.cachedInput)", "\(sum.cost)",
                DollarText.text(micros: sum.cost), "\(sum.unpriced)",
            ]
        }
    }

    /// With CRLF line ends and a first line of names (RFC 4180).
    package var csv: String { ([columns] + rows).map { CSVText.line($0) }.joined() }
}

extension UsageDimension {
    /// What JSON and CSV call it.
    package var member: String {
        switch self {
        case .user: "user_id"
        case .day, .provider, .model, .key: rawValue
        }
    }
}

extension UsageSum {
    package func text(of dimension: UsageDimension) -> String? {
        switch dimension {
        case .day: day?.day
        case .user: user?.text
        case .provider: provider?.text
        case .model: model
        case .key: keyName?.text
        }
    }
}

extension Timestamp {
    /// `2026-08-01`, in UTC.
    package var day: String { String(decoding: rfc3339.utf8.prefix(10), as: UTF8.self) }
}

/// Comma-separated values that a spreadsheet may open.
package enum CSVText {
    package static func line(_ cells: [String]) -> String { cells.map(cell).joined(separator: ",") + "\r\n" }

    /// A cell that begins like a formula gets an apostrophe in front, which makes it text: ids and names of models are
    /// other people's words, and a spreadsheet would carry them out.
    static func cell(_ text: String) -> String {
        let isFormula = text.utf8.first.map { "=+-@\t\r\n".utf8.contains($0) } ?? false
        let safe = isFormula ? "'\(text)" : text
        guard safe.utf8.contains(where: { ",\"\r\n".utf8.contains($0) }) else { return safe }
        return "\"\(safe.replacing("\"", with: "\"\""))\""
    }
}
