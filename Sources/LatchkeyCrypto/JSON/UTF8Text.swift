/// Validity of UTF-8 (RFC 3629), on raw memory.
enum UTF8Text {
    /// Where the first byte sequence that is not UTF-8 begins, or nil. Overlong forms, surrogates and values above
    /// U+10FFFF are not UTF-8.
    static func firstFault(in bytes: UnsafeRawBufferPointer) -> Int? {
        var offset = 0
        while offset < bytes.count {
            if bytes[offset] < 0x80 {
                offset += 1
                continue
            }
            let length = sequenceLength(bytes, at: offset)
            guard length > 0 else { return offset }
            offset += length
        }
        return nil
    }

    /// Whether a control character (general category Cc: U+0000–U+001F, U+007F–U+009F) occurs in valid UTF-8.
    static func hasControlCharacter(_ bytes: UnsafeRawBufferPointer) -> Bool {
        for (offset, byte) in bytes.enumerated() {
            if byte < 0x20 || byte == 0x7f { return true }
            // U+0080–U+009F are written C2 80 … C2 9F; C2 is always a first byte.
            if byte == 0xc2, offset + 1 < bytes.count, bytes[offset + 1] < 0xa0 { return true }
        }
        return false
    }

    /// The length of the sequence of two to four bytes that begins at `offset`, 0 if it is not one. The table is
    /// RFC 3629 section 4.
    private static func sequenceLength(_ bytes: UnsafeRawBufferPointer, at offset: Int) -> Int {
        let (length, second): (Int, ClosedRange<UInt8>) =
            switch bytes[offset] {
            case 0xc2...0xdf: (2, 0x80...0xbf)
            case 0xe0: (3, 0xa0...0xbf)
            case 0xed: (3, 0x80...0x9f)
            case 0xe1...0xef: (3, 0x80...0xbf)
            case 0xf0: (4, 0x90...0xbf)
            case 0xf1...0xf3: (4, 0x80...0xbf)
            case 0xf4: (4, 0x80...0x8f)
            default: (0, 0x80...0xbf)
            }
        guard length > 0, offset + length <= bytes.count, second.contains(bytes[offset + 1]) else { return 0 }
        for index in offset + 2..<max(offset + 2, offset + length) where bytes[index] & 0xc0 != 0x80 { return 0 }
        return length
    }
}
