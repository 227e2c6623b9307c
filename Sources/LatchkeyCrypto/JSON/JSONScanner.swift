/// The tokens of a JSON text (RFC 8259), read from memory that stays the caller's.
///
/// Strings are found first and copied second, so that a caller can have one written straight into memory that will be
/// wiped.
struct JSONScanner {
    /// A string token: where its content lies, and how long it is when escapes are decoded.
    struct StringToken {
        fileprivate let content: Range<Int>
        let decodedCount: Int
    }

    private let bytes: UnsafeRawBufferPointer
    private(set) var offset = 0

    /// - Throws: `notUTF8` unless all of `bytes` is UTF-8. Checked once, here, so that tokens need not.
    init(_ bytes: UnsafeRawBufferPointer) throws(JSONParseError) {
        if let fault = UTF8Text.firstFault(in: bytes) { throw JSONParseError(.notUTF8, at: fault) }
        self.bytes = bytes
    }

    var isAtEnd: Bool { offset >= bytes.count }

    func peek() -> UInt8? {
        offset < bytes.count ? bytes[offset] : nil
    }

    mutating func skipSpace() {
        while offset < bytes.count {
            switch bytes[offset] {
            case 0x20, 0x09, 0x0a, 0x0d: offset += 1
            default: return
            }
        }
    }

    /// Steps over `symbol` if it comes next.
    mutating func skip(_ symbol: Unicode.Scalar) -> Bool {
        guard let next = peek(), next == UInt8(truncatingIfNeeded: symbol.value) else { return false }
        offset += 1
        return true
    }

    /// Steps over `text`, which must come next.
    mutating func expect(_ text: StaticString) throws(JSONParseError) {
        for index in 0..<text.utf8CodeUnitCount {
            guard peek() == text.utf8Start[index] else { throw JSONParseError(.syntax, at: offset) }
            offset += 1
        }
    }

    /// Steps over a number and gives its text: `-? (0 | [1-9][0-9]*) (. [0-9]+)? ([eE] [+-]? [0-9]+)?`.
    mutating func number() throws(JSONParseError) -> [UInt8] {
        let start = offset
        _ = skip("-")
        if !skip("0") { try digits() }
        if skip(".") { try digits() }
        if skip("e") || skip("E") {
            if !skip("+") { _ = skip("-") }
            try digits()
        }
        return [UInt8](bytes[start..<offset])
    }

    private mutating func digits() throws(JSONParseError) {
        let start = offset
        while let next = peek(), next >= UInt8(ascii: "0"), next <= UInt8(ascii: "9") { offset += 1 }
        guard offset > start else { throw JSONParseError(.syntax, at: offset) }
    }
}

// MARK: - Strings

extension JSONScanner {
    /// Steps over a string, which must come next.
    mutating func string() throws(JSONParseError) -> StringToken {
        try expect("\"")
        let start = offset
        var decodedCount = 0
        while let next = peek() {
            switch next {
            case UInt8(ascii: "\""):
                let token = StringToken(content: start..<offset, decodedCount: decodedCount)
                offset += 1
                return token
            case UInt8(ascii: "\\"):
                guard let escape = escape(at: offset) else { throw JSONParseError(.syntax, at: offset) }
                offset += escape.length
                decodedCount += UTF8.width(escape.scalar)
            case 0x00..<0x20:
                throw JSONParseError(.syntax, at: offset)
            default:
                offset += 1
                decodedCount += 1
            }
        }
        throw JSONParseError(.syntax, at: offset)
    }

    /// The decoded bytes of a string.
    func bytes(of token: StringToken) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: token.decodedCount) { buffer, initialized in
            decode(token, into: UnsafeMutableRawBufferPointer(buffer))
            initialized = token.decodedCount
        }
    }

    /// Writes the decoded bytes of a string to `output`, which holds `decodedCount` bytes.
    func decode(_ token: StringToken, into output: UnsafeMutableRawBufferPointer) {
        guard output.count >= token.decodedCount else { return }
        let content = UnsafeRawBufferPointer(rebasing: bytes[token.content])
        guard token.decodedCount < content.count else {
            // Each escape is longer than what it stands for, so equal lengths mean that there is none.
            output.copyMemory(from: content)
            return
        }
        var read = token.content.lowerBound
        var write = 0
        while read < token.content.upperBound {
            if bytes[read] == UInt8(ascii: "\\"), let escape = escape(at: read) {
                read += escape.length
                for byte in UTF8.encode(escape.scalar) ?? .init() {
                    output[write] = byte
                    write += 1
                }
            } else {
                output[write] = bytes[read]
                read += 1
                write += 1
            }
        }
    }

    /// The escape that begins at `start`: what it stands for and how long it is. A surrogate pair is one escape; a lone
    /// surrogate is none.
    private func escape(at start: Int) -> (scalar: Unicode.Scalar, length: Int)? {
        guard start + 1 < bytes.count else { return nil }
        switch bytes[start + 1] {
        case UInt8(ascii: "\""): return ("\"", 2)
        case UInt8(ascii: "\\"): return ("\\", 2)
        case UInt8(ascii: "/"): return ("/", 2)
        case UInt8(ascii: "b"): return ("\u{8}", 2)
        case UInt8(ascii: "f"): return ("\u{c}", 2)
        case UInt8(ascii: "n"): return ("\n", 2)
        case UInt8(ascii: "r"): return ("\r", 2)
        case UInt8(ascii: "t"): return ("\t", 2)
        case UInt8(ascii: "u"): break
        default: return nil
        }
        guard let unit = codeUnit(at: start) else { return nil }
        if let scalar = Unicode.Scalar(unit) { return (scalar, 6) }
        guard UTF16.isLeadSurrogate(unit), let trail = codeUnit(at: start + 6), UTF16.isTrailSurrogate(trail)
        else { return nil }
        let value = 0x10000 + (UInt32(unit & 0x3ff) << 10 | UInt32(trail & 0x3ff))
        return Unicode.Scalar(value).map { ($0, 12) }
    }

    /// The UTF-16 code unit that `\uXXXX` at `start` writes.
    private func codeUnit(at start: Int) -> UInt16? {
        guard start + 6 <= bytes.count, bytes[start] == UInt8(ascii: "\\"), bytes[start + 1] == UInt8(ascii: "u")
        else { return nil }
        var unit: UInt16 = 0
        for index in start + 2..<start + 6 {
            guard let digit = Hex.value(bytes[index]) else { return nil }
            unit = unit << 4 | UInt16(digit)
        }
        return unit
    }
}
