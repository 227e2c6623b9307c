/// One JSON object at a time out of a file that holds many: one in each line, or all in an array. `mongoexport` writes
/// either.
///
/// This only finds where an object ends; whether it is one is `StrictJSON`'s question.
struct JSONDocumentFormat: RecordFormat {
    func scan(_ bytes: UnsafeRawBufferPointer, isLast: Bool) -> RecordScan<[UInt8]> {
        var start = 0
        while start < bytes.count, Self.isBetween(bytes[start]) { start += 1 }
        if start > 0 { return .between(length: start) }
        guard bytes.first == UInt8(ascii: "{") else { return .bad("it is no JSON object") }
        var depth = 0
        var isInString = false
        var isEscaped = false
        for (index, byte) in bytes.enumerated() {
            if isEscaped {
                isEscaped = false
            } else if isInString {
                if byte == UInt8(ascii: "\\") { isEscaped = true }
                if byte == UInt8(ascii: "\"") { isInString = false }
            } else {
                switch byte {
                case UInt8(ascii: "\""): isInString = true
                case UInt8(ascii: "{"): depth += 1
                case UInt8(ascii: "}"):
                    depth -= 1
                    if depth == 0 { return .record([UInt8](bytes[...index]), length: index + 1) }
                default: break
                }
            }
        }
        return .more
    }

    /// White space, and what stands between the objects of an array and around them.
    private static func isBetween(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x20, 0x09, 0x0a, 0x0d, UInt8(ascii: ","), UInt8(ascii: "["), UInt8(ascii: "]"): true
        default: false
        }
    }
}
