import Fernet
import LatchkeyCrypto

/// A record of a CSV file (RFC 4180), read strictly: a quote stands around a whole field or is doubled inside one.
///
/// SwiftCSV was looked at and left: it reads the file into a `String` and keeps each row as `String`s, so every key of
/// the file would lie in memory that nobody wipes, the whole file at once, and two spellings of a user's id would
/// compare equal on the way. This works on bytes, a record at a time.
struct CSVFormat: RecordFormat {
    private static let quote = UInt8(ascii: "\"")
    private static let comma = UInt8(ascii: ",")
    private static let newline = UInt8(ascii: "\n")
    private static let carriageReturn = UInt8(ascii: "\r")

    /// What follows a field.
    private enum End {
        case comma
        case record
    }

    private enum Failure: Error {
        case more
        case bad(String)
    }

    func scan(_ bytes: UnsafeRawBufferPointer, isLast: Bool) -> RecordScan<[SharedSecret]> {
        var fields: [SharedSecret] = []
        var offset = 0
        do throws(Failure) {
            while true {
                let isQuoted = offset < bytes.count && bytes[offset] == Self.quote
                let field = isQuoted ? try quoted(bytes, &offset, isLast) : try plain(bytes, &offset, isLast)
                fields.append(field)
                if case .record = try end(bytes, &offset, isLast) { break }
            }
        } catch {
            switch error {
            case .more: return .more
            case .bad(let reason): return .bad(reason)
            }
        }
        // An empty line is none, for a file of one column with an empty value cannot be meant.
        if fields.count == 1, fields[0].secret.count == 0 { return .between(length: offset) }
        return .record(fields, length: offset)
    }

    private func plain(
        _ bytes: UnsafeRawBufferPointer, _ offset: inout Int, _ isLast: Bool
    ) throws(Failure) -> SharedSecret {
        let start = offset
        while offset < bytes.count {
            switch bytes[offset] {
            case Self.comma, Self.newline, Self.carriageReturn:
                return SharedSecret(Secret(copying: UnsafeRawBufferPointer(rebasing: bytes[start..<offset])))
            case Self.quote: throw .bad("a quote stands inside a field that does not begin with one")
            default: offset += 1
            }
        }
        guard isLast else { throw .more }
        return SharedSecret(Secret(copying: UnsafeRawBufferPointer(rebasing: bytes[start..<offset])))
    }

    private func quoted(
        _ bytes: UnsafeRawBufferPointer, _ offset: inout Int, _ isLast: Bool
    ) throws(Failure) -> SharedSecret {
        offset += 1
        let start = offset
        var doubled = 0
        while offset < bytes.count {
            guard bytes[offset] == Self.quote else {
                offset += 1
                continue
            }
            guard offset + 1 < bytes.count || isLast else { throw .more }
            if offset + 1 < bytes.count, bytes[offset + 1] == Self.quote {
                doubled += 1
                offset += 2
                continue
            }
            let content = UnsafeRawBufferPointer(rebasing: bytes[start..<offset])
            offset += 1
            return Self.undoubled(content, doubled)
        }
        if isLast { throw .bad("a quoted field is not closed") }
        throw .more
    }

    private static func undoubled(_ content: UnsafeRawBufferPointer, _ doubled: Int) -> SharedSecret {
        SharedSecret(
            Secret(count: content.count - doubled) { output in
                var read = 0
                for write in output.indices {
                    output[write] = content[read]
                    read += content[read] == quote ? 2 : 1
                }
            })
    }

    private func end(
        _ bytes: UnsafeRawBufferPointer, _ offset: inout Int, _ isLast: Bool
    ) throws(Failure) -> End {
        guard offset < bytes.count else {
            if isLast { return .record }
            throw .more
        }
        switch bytes[offset] {
        case Self.comma:
            offset += 1
            return .comma
        case Self.newline:
            offset += 1
            return .record
        case Self.carriageReturn:
            guard offset + 1 < bytes.count || isLast else { throw .more }
            guard offset + 1 == bytes.count || bytes[offset + 1] == Self.newline else {
                throw .bad("a carriage return stands inside a line")
            }
            offset = min(offset + 2, bytes.count)
            return .record
        default: throw .bad("something follows the quote that closes a field")
        }
    }
}
