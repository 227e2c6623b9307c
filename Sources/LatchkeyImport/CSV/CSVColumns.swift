import LatchkeyCore
import LatchkeyCrypto

/// Which column holds what, out of the header line.
struct CSVColumns: Sendable {
    private enum Column: Hashable, Sendable {
        case named(String)
        case field(String)
    }

    static let required = ["user_id", "provider", "api_key"]
    static let optional = ["name", "label", "base_url", "expires_at"]
    static let fieldPrefix = "field:"

    let count: Int
    private let indices: [Column: Int]

    /// - Throws: `configuration`: a column that nobody reads would be one that somebody believes in.
    init(header: [SharedSecret]) throws(LatchkeyError) {
        var indices: [Column: Int] = [:]
        for (index, cell) in header.enumerated() {
            let name = (cell.trimmed.text ?? "").lowercased()
            let column: Column
            if Self.required.contains(name) || Self.optional.contains(name) {
                column = .named(name)
            } else if name.hasPrefix(Self.fieldPrefix), name.count > Self.fieldPrefix.count {
                column = .field(String(name.dropFirst(Self.fieldPrefix.count)))
            } else {
                throw Self.error("column \(index + 1) of the first line has a name that is not known")
            }
            guard indices.updateValue(index, forKey: column) == nil else {
                throw Self.error("column \(index + 1) of the first line has a name that stands there twice")
            }
        }
        for name in Self.required where indices[.named(name)] == nil {
            throw Self.error("the first line has no column \(name)")
        }
        self.indices = indices
        count = header.count
    }

    /// The value of a column, nil when there is none or it is empty.
    func value(_ name: String, in record: [SharedSecret]) -> SharedSecret? { value(.named(name), in: record) }

    /// The provider's further fields, those that are not empty.
    func fields(in record: [SharedSecret]) throws(ImportRefusal) -> [String: String] {
        var fields: [String: String] = [:]
        for case (.field(let name), _) in indices {
            guard let value = value(.field(name), in: record) else { continue }
            guard let text = value.text else { throw .refused("the field \(name) is not UTF-8") }
            fields[name] = text
        }
        return fields
    }

    private func value(_ column: Column, in record: [SharedSecret]) -> SharedSecret? {
        guard let index = indices[column], record[index].secret.count > 0 else { return nil }
        return record[index]
    }

    static func error(_ reason: String) -> LatchkeyError {
        LatchkeyError(
            .configuration, reason,
            hint: "it names the columns: \(required.joined(separator: ", ")), and any of "
                + "\(optional.joined(separator: ", ")), \(fieldPrefix)NAME; leave out others")
    }
}
