import LatchkeyCore

/// Writes one line of a backup: a JSON object without spaces. Used again for each line, so that its memory is asked for
/// once.
struct BackupLine {
    private(set) var bytes: [UInt8] = []
    private var needsComma = false

    mutating func begin() {
        bytes.removeAll(keepingCapacity: true)
        needsComma = false
    }

    mutating func end() { bytes.append(UInt8(ascii: "\n")) }

    mutating func object(_ body: (inout BackupLine) throws -> Void) rethrows {
        bytes.append(UInt8(ascii: "{"))
        needsComma = false
        try body(&self)
        bytes.append(UInt8(ascii: "}"))
        needsComma = true
    }

    /// The next value belongs to this member; names here need no escapes.
    mutating func name(_ name: String) {
        if needsComma { bytes.append(UInt8(ascii: ",")) }
        bytes.append(UInt8(ascii: "\""))
        bytes.append(contentsOf: name.utf8)
        bytes.append(contentsOf: [UInt8(ascii: "\""), UInt8(ascii: ":")])
        needsComma = true
    }

    mutating func member(_ name: String, _ number: Int64) {
        self.name(name)
        literal("\(number)")
    }

    mutating func member(_ name: String, _ text: String) {
        self.name(name)
        var text = text
        text.withUTF8 { self.text($0) }
    }

    mutating func member(_ name: String, _ numbers: [Int64]) {
        self.name(name)
        literal("[\(numbers.map { "\($0)" }.joined(separator: ","))]")
    }

    private mutating func literal(_ text: String) { bytes.append(contentsOf: text.utf8) }
}

// What a column holds
extension BackupLine {
    /// One column of a row, as it is stored. What is not of the column's kind (SQLite lets anything into any column) is
    /// a text, and what is not UTF-8 an object of its hexadecimal digits.
    mutating func value(_ row: any SQLRow, _ index: Int, _ kind: BackupTable.Column.Kind) {
        switch kind {
        case .text: break
        case .integer:
            if let number = row.integer(index) { return literal("\(number)") }
        case .bool:
            // The number first: SQLite keeps 0 and 1, and a 2 that somebody put there is to stay a 2.
            switch row.integer(index) {
            case 0: return literal("false")
            case 1: return literal("true")
            case let number?: return literal("\(number)")
            case nil: break
            }
            if let flag = row.bool(index) { return literal(flag ? "true" : "false") }
        case .timestamp:
            if let time = row.timestamp(index) {
                var text = time.sql
                return text.withUTF8 { self.text($0) }
            }
        }
        if row.withText(index, { self.text($0) }) == nil { literal("null") }
    }

    private mutating func text(_ text: UnsafeBufferPointer<UInt8>) {
        guard text.allSatisfy({ $0 < 0x80 }) || String(validating: text, as: UTF8.self) != nil else {
            bytes.append(contentsOf: "{\"hex\":\"".utf8)
            bytes.append(contentsOf: Hex.encode(Array(text)))
            return bytes.append(contentsOf: "\"}".utf8)
        }
        bytes.append(UInt8(ascii: "\""))
        var start = 0
        for index in text.indices {
            let byte = text[index]
            guard byte < 0x20 || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") else { continue }
            bytes.append(contentsOf: UnsafeBufferPointer(rebasing: text[start..<index]))
            escape(byte)
            start = index + 1
        }
        bytes.append(contentsOf: UnsafeBufferPointer(rebasing: text[start...]))
        bytes.append(UInt8(ascii: "\""))
    }

    private mutating func escape(_ byte: UInt8) {
        bytes.append(UInt8(ascii: "\\"))
        guard byte < 0x20 else { return bytes.append(byte) }
        bytes.append(contentsOf: "u00".utf8)
        bytes.append(contentsOf: Hex.encode([byte]))
    }
}
