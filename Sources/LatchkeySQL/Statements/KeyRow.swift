import LatchkeyCore
import LatchkeyCrypto

/// A row of a table of keys to and from its columns.
enum KeyRow {
    static let idColumn = 24
    static let revisionColumn = 25

    /// Never fails on what a column holds: a row that somebody spoilt must not take the others with it. What does not
    /// decode becomes a value under which the record does not open (`integrity`), or, where it is only shown, nothing.
    ///
    /// - Parameter reference: whose row was asked for, where one was: its owner, provider and name are then these.
    /// - Returns: nil for a listed row whose own owner, provider or name cannot be read.
    static func decode(_ row: any SQLRow, of owner: KeyOwner?, table: KeyTable, as reference: KeyReference? = nil)
        -> UserAPIKey?
    {
        guard let owner = reference?.owner ?? owner ?? self.owner(of: row, table: table),
            let provider = reference?.provider ?? row.text(1).flatMap({ ProviderID($0) }),
            let name = reference?.name ?? row.text(2).flatMap({ try? KeyName($0) })
        else { return nil }
        return UserAPIKey(
            owner: owner, provider: provider, name: name, sealed: sealed(row), keyHash: row.text(4) ?? "",
            keyHint: row.text(5), kind: row.text(6) ?? "", label: row.text(7), baseURL: row.text(8) ?? "",
            verdict: row.text(13).flatMap { Verdict(rawValue: $0) } ?? .unknown,
            evidence: Evidence(
                httpStatus: row.integer(14).flatMap { Int(exactly: $0) }, code: row.text(15),
                checkedAt: row.timestamp(16), decisive: row.bool(17) ?? false),
            lastValidated: row.timestamp(18), nextCheckAt: row.timestamp(19), expiresAt: row.timestamp(20),
            createdAt: row.timestamp(21) ?? Timestamp(microseconds: 0),
            updatedAt: row.timestamp(22) ?? Timestamp(microseconds: 0), lastUsedAt: row.timestamp(23))
    }

    private static func owner(of row: any SQLRow, table: KeyTable) -> KeyOwner? {
        switch table {
        case .global: .global
        case .user: row.bytes(0).flatMap { try? UserID($0) }.map { .user($0) }
        }
    }

    private static func sealed(_ row: any SQLRow) -> SealedRecord {
        SealedRecord(
            kid: row.integer(10).flatMap { UInt32(exactly: $0) } ?? 0,
            suite: row.integer(9).flatMap { UInt8(exactly: $0) } ?? 0,
            rowVersion: row.integer(11).flatMap { UInt64(exactly: $0) } ?? 0,
            salt: row.withText(12) { Hex.decode($0) ?? [] } ?? [], token: row.bytes(3) ?? [])
    }

    /// The values of `insert` and `update`, `$1` to `$25`.
    static func values(_ key: UserAPIKey) -> [SQLValue] {
        [
            .text(key.owner.column), .text(key.provider.text), .text(key.name.text), .utf8(key.sealed.token),
            .text(key.keyHash), SQLValue(key.keyHint), .text(key.kind), SQLValue(key.label), .text(key.baseURL),
            .integer(Int64(key.sealed.suite)), .integer(Int64(key.sealed.kid)),
            .integer(Int64(clamping: key.sealed.rowVersion)), .utf8(Hex.encode(key.sealed.salt)),
            .text(key.verdict.rawValue), SQLValue(key.evidence.httpStatus), SQLValue(key.evidence.code),
            SQLValue(key.evidence.checkedAt), .bool(key.evidence.decisive), SQLValue(key.lastValidated),
            SQLValue(key.nextCheckAt), SQLValue(key.expiresAt), .text(key.createdAt.sql), .text(key.updatedAt.sql),
            SQLValue(key.lastUsedAt), .bool(key.verdict.isValid),
        ]
    }

    /// What a hand-out of this row rests on: `$1` to `$14` of `appendUseOfSame`.
    static func essence(_ key: UserAPIKey) -> [SQLValue] {
        [
            .text(key.owner.column), .text(key.provider.text), .text(key.name.text), .utf8(key.sealed.token),
            .text(key.keyHash), SQLValue(key.keyHint), .text(key.kind), .text(key.baseURL),
            .integer(Int64(key.sealed.suite)), .integer(Int64(key.sealed.kid)),
            .integer(Int64(clamping: key.sealed.rowVersion)), .utf8(Hex.encode(key.sealed.salt)),
            .text(key.verdict.rawValue), SQLValue(key.expiresAt),
        ]
    }
}

/// Lower-case hexadecimal, strict.
enum Hex {
    static func encode(_ bytes: [UInt8]) -> [UInt8] {
        let digits = Array("0123456789abcdef".utf8)
        var text: [UInt8] = []
        text.reserveCapacity(bytes.count * 2)
        for byte in bytes {
            text.append(digits[Int(byte >> 4)])
            text.append(digits[Int(byte & 15)])
        }
        return text
    }

    static func decode(_ text: UnsafeBufferPointer<UInt8>) -> [UInt8]? {
        guard text.count % 2 == 0 else { return nil }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(text.count / 2)
        for index in stride(from: 0, to: text.count, by: 2) {
            guard let high = nibble(text[index]), let low = nibble(text[index + 1]) else { return nil }
            bytes.append(high << 4 | low)
        }
        return bytes
    }

    private static func nibble(_ digit: UInt8) -> UInt8? {
        switch digit {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): digit - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): digit - UInt8(ascii: "a") + 10
        default: nil
        }
    }
}
