/// Writing JSON strings, one spelling per string.
enum JSONText {
    /// Appends `string` in quotes: `"`, `\` and control characters below U+0020 escaped (the short form where there is
    /// one), all else as UTF-8. This is what Python's `json.dumps(…, ensure_ascii=False)` writes.
    static func append(_ string: String, to text: inout [UInt8]) {
        text.append(UInt8(ascii: "\""))
        for byte in string.utf8 {
            switch byte {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"): text += [UInt8(ascii: "\\"), byte]
            case 0x08: text += "\\b".utf8
            case 0x09: text += "\\t".utf8
            case 0x0a: text += "\\n".utf8
            case 0x0c: text += "\\f".utf8
            case 0x0d: text += "\\r".utf8
            case 0x00..<0x20: text += "\\u00\(Hex.text([byte]))".utf8
            default: text.append(byte)
            }
        }
        text.append(UInt8(ascii: "\""))
    }
}
