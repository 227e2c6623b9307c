import LatchkeyCore
import LatchkeyCrypto

/// The first line of a backup.
package struct BackupHeader: Sendable, Equatable {
    /// The newest form of the file that is known here.
    static let newestFormat: Int64 = 1

    package let schema: Int
    /// RFC 3339.
    package let createdAt: String
    /// Which database it was made of: for people, it makes no difference to a restore.
    package let origin: String

    static func of(_ dialect: SQLDialect, at time: Timestamp) -> BackupHeader {
        BackupHeader(
            schema: Schema.migrations(dialect).last?.version ?? 0, createdAt: time.rfc3339,
            origin: dialect == .sqlite ? "sqlite" : "postgresql")
    }

    func write(to line: inout BackupLine) {
        line.begin()
        line.object { line in
            line.member("latchkey_backup", Self.newestFormat)
            line.member("schema", Int64(schema))
            line.member("created_at", createdAt)
            line.member("dialect_of_origin", origin)
        }
        line.end()
    }

    /// - Throws: `backup_unusable`; `schema_too_new` for a backup that this program cannot understand.
    static func read(_ value: JSONValue) throws -> BackupHeader {
        // The format first: of a newer one nothing else is known.
        guard case .object(let object) = value, let first = object.members.first,
            first.name.bytes.elementsEqual("latchkey_backup".utf8), case .number(let number) = first.value,
            let format = number.int64
        else { throw BackupError.notOne }
        guard format == newestFormat else {
            throw LatchkeyError(
                .backupUnusable, "the backup has format \(format), this program knows \(newestFormat)",
                hint: "run the newer latchkey; nothing was written")
        }
        let members = try BackupObject.members(
            value, named: ["latchkey_backup", "schema", "created_at", "dialect_of_origin"])
        let schema = try Int(clamping: BackupObject.integer(members[1]))
        let newest = Schema.migrations(.sqlite).last?.version ?? 0
        guard schema <= newest else {
            throw LatchkeyError(
                .schemaTooNew, "the backup has schema version \(schema), this program knows \(newest) at most",
                hint: "run the newer latchkey; nothing was written")
        }
        guard schema >= 1 else { throw BackupError.notOne }
        return BackupHeader(
            schema: schema, createdAt: try BackupObject.text(members[2]), origin: try BackupObject.text(members[3]))
    }
}

/// Members of the objects in a backup, which are always the same and in one order.
enum BackupObject {
    private static var wrong: LatchkeyError { BackupError.damaged("a line of it is not of the known form") }

    /// - Throws: `backup_unusable` unless the value is an object with exactly these members in this order.
    static func members(_ value: JSONValue, named names: [String]) throws -> [JSONValue] {
        guard case .object(let object) = value, object.members.count == names.count else { throw wrong }
        for (member, name) in zip(object.members, names) where !member.name.bytes.elementsEqual(name.utf8) {
            throw wrong
        }
        return object.members.map(\.value)
    }

    static func integer(_ value: JSONValue) throws -> Int64 {
        guard case .number(let number) = value, let integer = number.int64 else { throw wrong }
        return integer
    }

    static func text(_ value: JSONValue) throws -> String {
        guard case .string(let text) = value else { throw wrong }
        return text.string
    }

    static func hex(_ value: JSONValue, count: Int) throws -> [UInt8] {
        guard case .string(let text) = value, let bytes = text.bytes.withUnsafeBufferPointer({ Hex.decode($0) }),
            bytes.count == count
        else { throw wrong }
        return bytes
    }

    /// What `BackupLine.value` wrote.
    static func column(_ value: JSONValue) throws -> SQLValue {
        switch value {
        case .null: return .null
        case .bool(let flag): return .bool(flag)
        case .number: return .integer(try integer(value))
        case .string(let text): return .utf8(text.bytes)
        case .object:
            guard case .string(let text) = try members(value, named: ["hex"])[0],
                let bytes = text.bytes.withUnsafeBufferPointer({ Hex.decode($0) })
            else { throw wrong }
            return .utf8(bytes)
        case .array: throw wrong
        }
    }
}
