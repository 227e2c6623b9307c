/// The URL-safe base64 of RFC 4648 section 5, one spelling per value.
///
/// Decoding is strict: this alphabet only, padding exactly as asked for, unused bits zero, no white space. Two different
/// texts therefore never decode to the same bytes, which RFC 4648 section 3.5 leaves open and Foundation does not check.
///
/// A token goes through here on each request, so the work is done on raw memory, not on a generic collection.
public enum Base64URL {
    /// The text of `bytes`, with `=` padding to a multiple of four when `padded`.
    public static func encode(_ bytes: UnsafeRawBufferPointer, padded: Bool) -> [UInt8] {
        let count = encodedCount(bytes.count, padded: padded)
        return [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
            encode(bytes, padded: padded, into: UnsafeMutableRawBufferPointer(buffer))
            initialized = count
        }
    }

    /// The bytes that `text` stands for, or nil if it is not the one canonical spelling of them.
    public static func decode(_ text: UnsafeRawBufferPointer, padded: Bool) -> [UInt8]? {
        guard let count = decodedCount(text, padded: padded) else { return nil }
        var canonical = false
        let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
            canonical = decode(text, padded: padded, into: UnsafeMutableRawBufferPointer(buffer))
            initialized = canonical ? count : 0
        }
        return canonical ? bytes : nil
    }

    /// The text of `bytes`, with `=` padding to a multiple of four when `padded`.
    public static func encode(_ bytes: [UInt8], padded: Bool) -> [UInt8] {
        bytes.withUnsafeBytes { encode($0, padded: padded) }
    }

    /// The bytes that `text` stands for, or nil if it is not the one canonical spelling of them.
    public static func decode(_ text: [UInt8], padded: Bool) -> [UInt8]? {
        text.withUnsafeBytes { decode($0, padded: padded) }
    }
}

// MARK: - Into memory the caller owns

extension Base64URL {
    /// The length of the text of `count` bytes. Memory holds no buffer long enough for this to overflow.
    package static func encodedCount(_ count: Int, padded: Bool) -> Int {
        let remainder = count % 3
        let whole = count / 3 * 4
        guard remainder > 0 else { return whole }
        return whole + (padded ? 4 : remainder + 1)
    }

    /// How many bytes `text` decodes to if it is canonical, judged by its length and its padding; nil if it cannot be.
    package static func decodedCount(_ text: UnsafeRawBufferPointer, padded: Bool) -> Int? {
        guard let symbols = symbolCount(text, padded: padded) else { return nil }
        switch symbols % 4 {
        case 0: return symbols / 4 * 3
        case 2: return symbols / 4 * 3 + 1
        case 3: return symbols / 4 * 3 + 2
        default: return nil
        }
    }

    /// Writes the text to `output`, which holds `encodedCount` bytes; a shorter one is left untouched.
    package static func encode(
        _ bytes: UnsafeRawBufferPointer, padded: Bool, into output: UnsafeMutableRawBufferPointer
    ) {
        guard output.count >= encodedCount(bytes.count, padded: padded) else { return }
        encodeTable.withUnsafeBufferPointer { table in
            var read = 0
            var write = 0
            while read + 3 <= bytes.count {
                let group = UInt32(bytes[read]) << 16 | UInt32(bytes[read + 1]) << 8 | UInt32(bytes[read + 2])
                output[write] = table[Int(group >> 18)]
                output[write + 1] = table[Int(group >> 12 & 63)]
                output[write + 2] = table[Int(group >> 6 & 63)]
                output[write + 3] = table[Int(group & 63)]
                read += 3
                write += 4
            }
            guard read < bytes.count else { return }
            let two = read + 1 < bytes.count
            let group = UInt32(bytes[read]) << 16 | (two ? UInt32(bytes[read + 1]) << 8 : 0)
            output[write] = table[Int(group >> 18)]
            output[write + 1] = table[Int(group >> 12 & 63)]
            if two { output[write + 2] = table[Int(group >> 6 & 63)] }
            if padded {
                if !two { output[write + 2] = pad }
                output[write + 3] = pad
            }
        }
    }

    /// Writes the decoded bytes to `output`, which holds `decodedCount` bytes. False, with `output` in an unspecified
    /// state, if `text` is not canonical or `output` is too short.
    package static func decode(
        _ text: UnsafeRawBufferPointer, padded: Bool, into output: UnsafeMutableRawBufferPointer
    ) -> Bool {
        guard let symbols = symbolCount(text, padded: padded), let count = decodedCount(text, padded: padded),
            output.count >= count
        else { return false }
        return decodeTable.withUnsafeBufferPointer { table in
            // 0xff marks a byte outside the alphabet; its top bits survive the OR, so one test at the end is enough.
            var seen: UInt8 = 0
            var read = 0
            var write = 0
            while read + 4 <= symbols {
                let a = table[Int(text[read])]
                let b = table[Int(text[read + 1])]
                let c = table[Int(text[read + 2])]
                let d = table[Int(text[read + 3])]
                seen |= a | b | c | d
                output[write] = a << 2 | b >> 4
                output[write + 1] = b << 4 | c >> 2
                output[write + 2] = c << 6 | d
                read += 4
                write += 3
            }
            guard read < symbols else { return seen < 64 }
            let a = table[Int(text[read])]
            let b = table[Int(text[read + 1])]
            output[write] = a << 2 | b >> 4
            guard read + 2 < symbols else { return (seen | a | b) < 64 && b & 0x0f == 0 }
            let c = table[Int(text[read + 2])]
            output[write + 1] = b << 4 | c >> 2
            return (seen | a | b | c) < 64 && c & 0x03 == 0
        }
    }

    /// How many characters of `text` come before its padding, or nil if the length or the padding is not as asked for.
    private static func symbolCount(_ text: UnsafeRawBufferPointer, padded: Bool) -> Int? {
        guard padded else { return text.count }
        guard text.count % 4 == 0 else { return nil }
        guard text.count > 0, text[text.count - 1] == pad else { return text.count }
        return text[text.count - 2] == pad ? text.count - 2 : text.count - 1
    }

    private static let pad = UInt8(ascii: "=")

    private static let encodeTable = [UInt8]("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".utf8)

    private static let decodeTable: [UInt8] = {
        var table = [UInt8](repeating: 0xff, count: 256)
        for (value, symbol) in encodeTable.enumerated() {
            table[Int(symbol)] = UInt8(truncatingIfNeeded: value)
        }
        return table
    }()
}
