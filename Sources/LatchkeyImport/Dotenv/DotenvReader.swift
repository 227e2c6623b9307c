import LatchkeyCrypto

/// Steps through the bytes of a `.env` file.
struct DotenvReader {
    enum Line {
        case variable(Dotenv.Variable)
        case fault(Dotenv.Fault)
    }

    private struct Failure: Error { let reason: String }

    private static let newline = UInt8(ascii: "\n")
    private static let backslash = UInt8(ascii: "\\")
    private static let hash = UInt8(ascii: "#")

    private let bytes: UnsafeRawBufferPointer
    private var offset = 0
    private var line = 1

    init(_ bytes: UnsafeRawBufferPointer) {
        self.bytes = bytes
        if bytes.starts(with: [0xef, 0xbb, 0xbf]) { offset = 3 }
    }

    /// The next line that holds something, or the next that is at fault; nil at the end.
    mutating func next() -> Line? {
        while offset < bytes.count {
            let start = (offset: offset, line: line)
            do throws(Failure) {
                if let variable = try variable() { return .variable(variable) }
            } catch {
                (offset, line) = start
                skipLine()
                return .fault(Dotenv.Fault(line: start.line, reason: error.reason))
            }
        }
        return nil
    }

    /// - Returns: nil for a line without one.
    private mutating func variable() throws(Failure) -> Dotenv.Variable? {
        skipBlanks()
        if isAtLineEnd || peek == Self.hash {
            skipLine()
            return nil
        }
        let line = line
        let name = try name()
        skipBlanks()
        guard peek == UInt8(ascii: "=") else { throw Failure(reason: "there is no = after the name") }
        offset += 1
        skipBlanks()
        let value: (SharedSecret, Bool)
        switch peek {
        case UInt8(ascii: "\"")?: value = try doubleQuoted()
        case UInt8(ascii: "'")?, UInt8(ascii: "`")?: value = try literal()
        default: value = unquoted()
        }
        skipBlanks()
        guard isAtLineEnd || peek == Self.hash else { throw Failure(reason: "something follows the closing quote") }
        skipLine()
        return Dotenv.Variable(name: name, value: value.0, line: line, refersToAnother: value.1)
    }

    private mutating func name() throws(Failure) -> String {
        let first = word()
        guard !first.isEmpty else { throw Failure(reason: "it does not begin with a name") }
        guard first == "export" else { return first }
        let end = offset
        skipBlanks()
        let second = word()
        guard second.isEmpty else { return second }
        // `export=1` sets a variable of that name.
        offset = end
        return first
    }

    /// Letters, digits, `_`, `.` and `-`, beginning with a letter or `_`; empty when there is none.
    private mutating func word() -> String {
        let start = offset
        while let byte = peek, Self.isNameByte(byte, isFirst: offset == start) { offset += 1 }
        return String(decoding: bytes[start..<offset], as: UTF8.self)
    }

    private static func isNameByte(_ byte: UInt8, isFirst: Bool) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "_"): true
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "-"): !isFirst
        default: false
        }
    }
}

// Values
extension DotenvReader {
    private mutating func unquoted() -> (SharedSecret, Bool) {
        let start = offset
        var end = offset
        while !isAtLineEnd, let byte = peek {
            if byte == Self.hash, offset == start || Self.isBlank(bytes[offset - 1]) { break }
            offset += 1
            if !Self.isBlank(byte) { end = offset }
        }
        let content = UnsafeRawBufferPointer(rebasing: bytes[start..<end])
        return (SharedSecret(Secret(copying: content)), Self.refersToAnother(content))
    }

    private mutating func literal() throws(Failure) -> (SharedSecret, Bool) {
        let quote = bytes[offset]
        let content = try content(until: quote, escapes: false)
        return (SharedSecret(Secret(copying: content)), false)
    }

    private mutating func doubleQuoted() throws(Failure) -> (SharedSecret, Bool) {
        let content = try content(until: UInt8(ascii: "\""), escapes: true)
        var count = 0
        Self.unescape(content) { _ in count += 1 }
        let value = Secret(count: count) { output in
            var index = 0
            Self.unescape(content) { byte in
                output[index] = byte
                index += 1
            }
        }
        return (SharedSecret(value), Self.refersToAnother(content))
    }

    /// What lies between the quote here and the next one like it.
    private mutating func content(until quote: UInt8, escapes: Bool) throws(Failure) -> UnsafeRawBufferPointer {
        offset += 1
        let start = offset
        while let byte = peek {
            if byte == quote {
                offset += 1
                return UnsafeRawBufferPointer(rebasing: bytes[start..<offset - 1])
            }
            if byte == Self.newline { line += 1 }
            if escapes, byte == Self.backslash, offset + 1 < bytes.count, bytes[offset + 1] != Self.newline {
                offset += 1
            }
            offset += 1
        }
        throw Failure(reason: "a quote is not closed")
    }

    private static func unescape(_ content: UnsafeRawBufferPointer, _ give: (UInt8) -> Void) {
        var index = 0
        while index < content.count {
            guard content[index] == backslash, index + 1 < content.count else {
                give(content[index])
                index += 1
                continue
            }
            switch content[index + 1] {
            case UInt8(ascii: "n"): give(newline)
            case UInt8(ascii: "r"): give(0x0d)
            case UInt8(ascii: "t"): give(0x09)
            case backslash, UInt8(ascii: "\""), UInt8(ascii: "$"): give(content[index + 1])
            default:
                give(backslash)
                give(content[index + 1])
            }
            index += 2
        }
    }

    /// `$NAME` or `${NAME}`, not behind a backslash.
    private static func refersToAnother(_ content: UnsafeRawBufferPointer) -> Bool {
        for index in content.indices where content[index] == UInt8(ascii: "$") && index + 1 < content.count {
            if index > 0, content[index - 1] == backslash { continue }
            let next = content[index + 1]
            if next == UInt8(ascii: "{") || isNameByte(next, isFirst: true) { return true }
        }
        return false
    }
}

// Steps
extension DotenvReader {
    private var peek: UInt8? { offset < bytes.count ? bytes[offset] : nil }

    /// The end of the file, a line feed, or a carriage return in front of one.
    private var isAtLineEnd: Bool {
        guard offset < bytes.count else { return true }
        if bytes[offset] == Self.newline { return true }
        guard bytes[offset] == 0x0d else { return false }
        return offset + 1 == bytes.count || bytes[offset + 1] == Self.newline
    }

    private static func isBlank(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 }

    private mutating func skipBlanks() {
        while let byte = peek, Self.isBlank(byte) { offset += 1 }
    }

    /// Goes to the beginning of the next line.
    private mutating func skipLine() {
        while let byte = peek {
            offset += 1
            if byte == Self.newline {
                line += 1
                return
            }
        }
    }
}
