import LatchkeyCore
import LatchkeyCrypto

/// Which keys of a backup open with the configured roots. No key leaves this type, and no user's id.
package struct BackupRecords {
    /// Why keys do not open, as far as may be told.
    package struct Unreadable: Hashable, Sendable {
        package let table: String
        /// The provider's id; nil where the row has none that is one.
        package let provider: String?
        /// The root that is not configured; nil where it is, and the record does not open all the same.
        package let missingRoot: Int64?
    }

    package private(set) var total = 0
    package private(set) var unreadable: [Unreadable: Int] = [:]

    package var readable: Int { total - unreadable.values.reduce(0, +) }

    private let sealing: KeySealing

    init(keyring: RootKeyring) { sealing = KeySealing(keyring: keyring) }

    mutating func open(_ row: BackupReader.Row) async {
        guard let table = KeyTable(rawValue: row.table.table.name) else { return }
        total += 1
        let columns = BackupKeyRow(row)
        let key = KeyRow.decode(columns, of: nil, table: table)
        if let key, await opens(key) { return }
        let kid = columns.value("root_kid").flatMap { if case .integer(let kid) = $0 { kid } else { nil } }
        let isMissing = kid.flatMap { UInt32(exactly: $0) }.map { sealing.keyring.root($0) == nil } ?? false
        let cause = Unreadable(
            table: table.rawValue, provider: key?.provider.text, missingRoot: isMissing ? kid : nil)
        unreadable[cause, default: 0] += 1
    }

    private func opens(_ key: UserAPIKey) async -> Bool {
        let reference = KeyReference(key.owner, key.provider, key.name)
        return (try? await sealing.open(key, as: reference)) != nil
    }
}

/// A row of a backup, with its columns where `KeyRow` looks for them.
private struct BackupKeyRow: SQLRow {
    private static let order = KeyStatements.columns.split(separator: ", ").map(String.init)

    private let row: BackupReader.Row

    init(_ row: BackupReader.Row) { self.row = row }

    func value(_ name: String) -> SQLValue? {
        row.table.columns.firstIndex { $0.name == name }.map { row.values[$0] }
    }

    private func value(_ column: Int) -> SQLValue? {
        Self.order.indices.contains(column) ? value(Self.order[column]) : nil
    }

    func bytes(_ column: Int) -> [UInt8]? {
        switch value(column) {
        case .null, nil: nil
        case .integer(let number): Array("\(number)".utf8)
        case .bool(let flag): [UInt8(ascii: flag ? "1" : "0")]
        case .text(let text): Array(text.utf8)
        case .utf8(let bytes): bytes
        }
    }

    func text(_ column: Int) -> String? { bytes(column).map { String(decoding: $0, as: UTF8.self) } }

    func withText<R>(_ column: Int, _ body: (UnsafeBufferPointer<UInt8>) -> R) -> R? {
        bytes(column).map { $0.withUnsafeBufferPointer(body) }
    }

    func integer(_ column: Int) -> Int64? {
        if case .integer(let number) = value(column) { number } else { nil }
    }

    func bool(_ column: Int) -> Bool? {
        switch value(column) {
        case .bool(let flag): flag
        case .integer(let number): number != 0
        default: nil
        }
    }
}
