import Crypto
import LatchkeyCore
import LatchkeyCrypto

/// The rows of a backup, read from its beginning, one after the other; at the end its manifest, compared with what was
/// read. Whether the manifest is the root's own is for `BackupManifest.authenticate` to say.
struct BackupReader {
    let header: BackupHeader
    private(set) var manifest: BackupManifest?

    private let lines: GzipLineReader
    private let tables: [Table]
    private var digest = SHA256()
    private var counts: [BackupManifest.Count]
    private var current = 0

    /// A table and the columns that it had in the schema of the backup.
    struct Table {
        let table: BackupTable
        let columns: [BackupTable.Column]
        fileprivate let names: [String]
    }

    struct Row {
        let table: Table
        let values: [SQLValue]
    }

    /// - Throws: `backup_unusable`, `schema_too_new`.
    init(_ file: BackupFile) throws {
        let lines = try GzipLineReader(file)
        var digest = SHA256()
        let first: JSONValue? =
            try lines.nextLine { line in
                digest.update(bufferPointer: line)
                return try? Self.parse(line)
            } ?? nil
        guard let first else { throw BackupError.notOne }
        let header = try BackupHeader.read(first)
        self.header = header
        self.lines = lines
        self.digest = digest
        tables = BackupTable.all(at: header.schema).map { table in
            let columns = table.columns(at: header.schema)
            return Table(table: table, columns: columns, names: columns.map(\.name))
        }
        counts = tables.map { BackupManifest.Count(table: $0.table.name, rows: 0) }
    }

    /// Bytes of the file that were read so far.
    var position: Int64 { lines.position }

    /// - Returns: nil at the end; `manifest` is there then, and what was read agrees with it.
    /// - Throws: `backup_unusable`.
    mutating func next() throws -> Row? {
        guard manifest == nil else { return nil }
        let value: JSONValue? =
            try lines.nextLine { line in
                if BackupManifest.begins(line) {
                    manifest = try BackupManifest(Self.parse(line), tables: tables.map(\.table))
                    return nil
                }
                digest.update(bufferPointer: line)
                return try Self.parse(line)
            } ?? nil
        if let value { return try row(value) }
        guard let manifest else { throw BackupError.cutShort }
        guard try lines.nextLine({ _ in }) == nil else { throw BackupError.damaged("something follows its end") }
        guard manifest.digest == Array(digest.finalize()), manifest.counts == counts else {
            throw BackupError.damaged("its contents are not what its last line says")
        }
        return nil
    }

    private mutating func row(_ value: JSONValue) throws -> Row {
        guard case .object(let object) = value, object.members.count == 1, let member = object.members.first else {
            throw BackupError.damaged("a line of it is not of the known form")
        }
        // Tables come in one order; one that was passed does not come again.
        while !member.name.bytes.elementsEqual(tables[current].table.name.utf8) {
            current += 1
            guard current < tables.count else {
                current = tables.count - 1
                throw BackupError.damaged("a row of it is of no known table, or out of order")
            }
        }
        let table = tables[current]
        counts[current].rows += 1
        let values = try BackupObject.members(member.value, named: table.names).map(BackupObject.column)
        return Row(table: table, values: values)
    }

    private static func parse(_ line: UnsafeRawBufferPointer) throws -> JSONValue {
        do throws(JSONParseError) { return try StrictJSON.parse(line, maximumDepth: 4) } catch {
            throw BackupError.damaged("a line of it is not JSON")
        }
    }
}
