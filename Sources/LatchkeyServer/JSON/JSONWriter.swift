package import LatchkeyCore
package import NIOCore

/// Writes one JSON document into a buffer, in the order the calls come. Fast because it does one thing: no reflection, no
/// intermediate tree, and a key's bytes never become a `String`.
package struct JSONWriter {
    private var bytes: [UInt8] = []
    private var needsComma = false

    package init(capacity: Int = 512) { bytes.reserveCapacity(capacity) }

    /// The document so far, for the wire. Bytes are gathered in an array and copied once: a `ByteBuffer` asks at each
    /// write whether it is alone, and a document is a hundred writes.
    package var buffer: ByteBuffer { ByteBuffer(bytes: bytes) }

    package mutating func object(_ body: (inout JSONWriter) throws -> Void) rethrows {
        try nested(UInt8(ascii: "{"), UInt8(ascii: "}"), body)
    }

    package mutating func array<Element>(
        _ elements: some Sequence<Element>, _ body: (inout JSONWriter, Element) throws -> Void
    ) rethrows {
        try nested(UInt8(ascii: "["), UInt8(ascii: "]")) { writer in
            for element in elements { try body(&writer, element) }
        }
    }

    private mutating func nested(
        _ open: UInt8, _ close: UInt8, _ body: (inout JSONWriter) throws -> Void
    ) rethrows {
        separate()
        bytes.append(open)
        needsComma = false
        try body(&self)
        bytes.append(close)
        needsComma = true
    }

    /// The next value belongs to this member.
    package mutating func name(_ name: String) {
        separate()
        writeQuoted(name)
        bytes.append(UInt8(ascii: ":"))
        needsComma = false
    }

    package mutating func value(_ text: String) {
        separate()
        writeQuoted(text)
        needsComma = true
    }

    /// UTF-8 bytes as a text.
    package mutating func value(utf8 bytes: UnsafeRawBufferPointer) {
        separate()
        writeQuoted(bytes: bytes)
        needsComma = true
    }

    package mutating func value(_ number: Int64) { raw("\(number)") }
    package mutating func value(_ flag: Bool) { raw(flag ? "true" : "false") }
    package mutating func null() { raw("null") }

    private mutating func raw(_ text: String) {
        separate()
        bytes.append(contentsOf: text.utf8)
        needsComma = true
    }

    private mutating func separate() {
        if needsComma { bytes.append(UInt8(ascii: ",")) }
    }

    private mutating func writeQuoted(_ text: String) {
        var text = text
        text.withUTF8 { writeQuoted(bytes: UnsafeRawBufferPointer($0)) }
    }

    private mutating func writeQuoted(bytes text: UnsafeRawBufferPointer) {
        bytes.append(UInt8(ascii: "\""))
        var start = 0
        for index in text.indices {
            let byte = text[index]
            // U+2028 and the like are fine in JSON; below 0x20, the quote and the backslash are not (RFC 8259, section 7).
            guard byte < 0x20 || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") else { continue }
            bytes.append(contentsOf: UnsafeRawBufferPointer(rebasing: text[start..<index]))
            bytes.append(contentsOf: Self.escape(byte))
            start = index + 1
        }
        bytes.append(contentsOf: UnsafeRawBufferPointer(rebasing: text[start...]))
        bytes.append(UInt8(ascii: "\""))
    }

    private static func escape(_ byte: UInt8) -> [UInt8] {
        switch byte {
        case UInt8(ascii: "\""): return Array("\\\"".utf8)
        case UInt8(ascii: "\\"): return Array("\\\\".utf8)
        default:
            let digits = Array("0123456789abcdef".utf8)
            return Array("\\u00".utf8) + [digits[Int(byte >> 4)], digits[Int(byte & 15)]]
        }
    }
}

extension JSONWriter {
    package mutating func member(_ name: String, _ text: String?) {
        self.name(name)
        if let text { value(text) } else { null() }
    }

    package mutating func member(_ name: String, _ flag: Bool) {
        self.name(name)
        value(flag)
    }

    package mutating func member(_ name: String, _ number: Int64?) {
        self.name(name)
        if let number { value(number) } else { null() }
    }

    package mutating func member(_ name: String, _ time: Timestamp?) { member(name, time?.rfc3339) }

    package mutating func member(_ name: String, _ texts: [String]) {
        self.name(name)
        array(texts) { writer, text in writer.value(text) }
    }
}
