/// Sequences of UTF-8 outside ASCII (RFC 3629, section 4).
enum UTF8Sequence {
    /// The length of the sequence that begins at `offset`, 0 where it is none.
    @inline(__always)
    static func length(_ bytes: UnsafeRawBufferPointer, at offset: Int) -> Int {
        let first = bytes[offset]
        let room = bytes.count &- offset
        switch first {
        case 0xc2...0xdf: return room >= 2 && isNext(bytes[offset &+ 1]) ? 2 : 0
        case 0xe0...0xef:
            guard room >= 3, isNext(bytes[offset &+ 1]), isNext(bytes[offset &+ 2]) else { return 0 }
            // Overlong, or half a surrogate pair.
            if first == 0xe0 { return bytes[offset &+ 1] >= 0xa0 ? 3 : 0 }
            return first == 0xed && bytes[offset &+ 1] > 0x9f ? 0 : 3
        case 0xf0...0xf4:
            guard room >= 4, isNext(bytes[offset &+ 1]), isNext(bytes[offset &+ 2]), isNext(bytes[offset &+ 3])
            else { return 0 }
            // Overlong, or above U+10FFFF.
            if first == 0xf0 { return bytes[offset &+ 1] >= 0x90 ? 4 : 0 }
            return first == 0xf4 && bytes[offset &+ 1] > 0x8f ? 0 : 4
        default: return 0
        }
    }

    @inline(__always)
    private static func isNext(_ byte: UInt8) -> Bool { byte & 0xc0 == 0x80 }

    static func isHex(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x30...0x39, 0x41...0x46, 0x61...0x66: true
        default: false
        }
    }
}
