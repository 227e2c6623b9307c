/// Goes over JSON and takes none that two readers could read differently: RFC 8259 by the letter, strings that are UTF-8,
/// objects within objects no deeper than `deepest`. Nothing is copied; members are ranges of the text.
struct StrictScan {
    struct Member {
        /// Between the quotes.
        var name: Range<Int>
        var value: Range<Int>
    }

    static let deepest = 512

    let bytes: UnsafeRawBufferPointer
    private let base: UnsafeRawPointer
    private var offset = 0
    /// The kinds of what is open, a bit each: 1 for an object.
    private var kinds = SIMD8<UInt64>()

    init?(_ bytes: UnsafeRawBufferPointer) {
        guard let base = bytes.baseAddress, !bytes.isEmpty else { return nil }
        self.bytes = bytes
        self.base = base
    }

    /// Goes over a text that is an object.
    ///
    /// - Parameters:
    ///   - range: where it lies, white space included.
    ///   - visit: called with each member, in order; false ends it.
    /// - Returns: false where it is no object, or no JSON.
    mutating func object(in range: Range<Int>, visit: (Member) -> Void) -> Bool {
        offset = range.lowerBound
        skipSpace()
        guard take("{") else { return false }
        skipSpace()
        if !take("}") {
            repeat {
                guard let name = name() else { return false }
                let start = offset
                guard value() else { return false }
                visit(Member(name: name, value: start..<offset))
                skipSpace()
            } while take(",")
            guard take("}") else { return false }
        }
        skipSpace()
        return offset == range.upperBound
    }

    /// A name and its colon, and the white space around them.
    private mutating func name() -> Range<Int>? {
        skipSpace()
        let start = offset + 1
        guard string() else { return nil }
        let name = start..<offset - 1
        skipSpace()
        guard take(":") else { return nil }
        skipSpace()
        return name
    }

    /// A value of any kind, to its end.
    private mutating func value() -> Bool {
        var depth = 0
        while true {
            skipSpace()
            let isOpened = open(&depth)
            if isOpened == nil { continue }
            guard isOpened == true else { return false }
            // A value has ended; so may those around it.
            repeat {
                guard depth > 0 else { return true }
                skipSpace()
                let isObject = isObject(depth)
                if take(",") {
                    if isObject, name() == nil { return false }
                    break
                }
                guard take(isObject ? "}" : "]") else { return false }
                depth -= 1
            } while true
        }
    }

    /// Begins a value.
    ///
    /// - Returns: nil where it was opened, and the first value in it is to come; true where it has come to its end; false
    ///   for what is none.
    private mutating func open(_ depth: inout Int) -> Bool? {
        guard let byte = peek() else { return false }
        switch byte {
        case UInt8(ascii: "{"), UInt8(ascii: "["):
            let isObject = byte == UInt8(ascii: "{")
            guard depth < Self.deepest else { return false }
            offset += 1
            skipSpace()
            if take(isObject ? "}" : "]") { return true }
            depth += 1
            setKind(depth, isObject)
            if isObject, name() == nil { return false }
            return nil
        case UInt8(ascii: "\""): return string()
        case UInt8(ascii: "t"): return literal("true")
        case UInt8(ascii: "f"): return literal("false")
        case UInt8(ascii: "n"): return literal("null")
        default: return number()
        }
    }

    private func isObject(_ depth: Int) -> Bool { kinds[(depth - 1) >> 6] >> UInt64((depth - 1) & 63) & 1 == 1 }

    private mutating func setKind(_ depth: Int, _ isObject: Bool) {
        let bit: UInt64 = 1 << UInt64((depth - 1) & 63)
        if isObject { kinds[(depth - 1) >> 6] |= bit } else { kinds[(depth - 1) >> 6] &= ~bit }
    }
}

// Tokens
extension StrictScan {
    @inline(__always)
    private func peek() -> UInt8? {
        offset < bytes.count ? base.load(fromByteOffset: offset, as: UInt8.self) : nil
    }

    @inline(__always)
    private mutating func take(_ symbol: Unicode.Scalar) -> Bool {
        guard let byte = peek(), byte == UInt8(truncatingIfNeeded: symbol.value) else { return false }
        offset &+= 1
        return true
    }

    @inline(__always)
    private mutating func skipSpace() {
        while let byte = peek(), byte == 0x20 || byte == 0x0a || byte == 0x0d || byte == 0x09 { offset &+= 1 }
    }

    private mutating func literal(_ text: StaticString) -> Bool {
        for index in 0..<text.utf8CodeUnitCount {
            guard peek() == text.utf8Start[index] else { return false }
            offset &+= 1
        }
        return true
    }

    private mutating func number() -> Bool {
        _ = take("-")
        guard take("0") || digits() else { return false }
        if take("."), !digits() { return false }
        if take("e") || take("E") {
            if !take("+") { _ = take("-") }
            return digits()
        }
        return true
    }

    private mutating func digits() -> Bool {
        let start = offset
        while let byte = peek(), byte >= 0x30, byte <= 0x39 { offset &+= 1 }
        return offset > start
    }

    private mutating func string() -> Bool {
        guard take("\"") else { return false }
        while true {
            offset = ByteScan.stringStop(base, offset, bytes.count)
            guard let byte = peek() else { return false }
            switch byte {
            case UInt8(ascii: "\""):
                offset &+= 1
                return true
            case UInt8(ascii: "\\"): guard escape() else { return false }
            case 0x80...:
                repeat {
                    let length = UTF8Sequence.length(bytes, at: offset)
                    guard length > 0 else { return false }
                    offset &+= length
                } while offset < bytes.count && base.load(fromByteOffset: offset, as: UInt8.self) >= 0x80
            default: return false
            }
        }
    }

    private mutating func escape() -> Bool {
        offset &+= 1
        guard let byte = peek() else { return false }
        offset &+= 1
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"), UInt8(ascii: "b"), UInt8(ascii: "f"),
            UInt8(ascii: "n"), UInt8(ascii: "r"), UInt8(ascii: "t"):
            return true
        case UInt8(ascii: "u"):
            // Half a surrogate pair is let pass: it cannot be taken for anything but text.
            for _ in 0..<4 {
                guard let digit = peek(), UTF8Sequence.isHex(digit) else { return false }
                offset &+= 1
            }
            return true
        default: return false
        }
    }
}
