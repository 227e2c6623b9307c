/// Writes `CTX(label, f1..fn)`, the unambiguous list that every derivation and every row MAC is computed over:
/// ```
/// LP(x)              = BE32(byte length of x) ‖ x
/// CTX(label, f1..fn) = LP("latchkey/v1") ‖ LP(label) ‖ BE32(n) ‖ LP(f1) ‖ … ‖ LP(fn)
/// ```
/// Each part carries its length and the list its count, so no two lists of fields have one encoding. Fields go straight
/// into one array, because a context is built for each record that is opened.
struct ContextWriter {
    private(set) var bytes: [UInt8] = []

    /// - Parameter fields: how many fields will be appended. It is written first, so it must be right.
    init(label: String, fields: Int, capacity: Int = 256) {
        bytes.reserveCapacity(capacity)
        append(ContextWriter.format)
        append(label)
        appendBE32(UInt32(clamping: fields))
    }

    mutating func append(_ field: [UInt8]) {
        appendLength(field.count)
        bytes.append(contentsOf: field)
    }

    mutating func append(_ field: String) {
        let utf8 = field.utf8
        appendLength(utf8.count)
        bytes.append(contentsOf: utf8)
    }

    mutating func append(_ field: UInt8) {
        appendLength(1)
        bytes.append(field)
    }

    mutating func append(_ field: UInt32) {
        appendLength(4)
        appendBE32(field)
    }

    mutating func append(_ field: UInt64) {
        appendLength(8)
        appendBE32(UInt32(truncatingIfNeeded: field >> 32))
        appendBE32(UInt32(truncatingIfNeeded: field))
    }

    /// Writes the length of a field whose bytes the caller feeds elsewhere, because they are secret.
    mutating func appendLength(_ count: Int) {
        // Fields are identifiers of a few bytes. One of 4 GiB does not occur; clamped, it would still not trap.
        appendBE32(UInt32(clamping: count))
    }

    private mutating func appendBE32(_ value: UInt32) {
        bytes.append(UInt8(truncatingIfNeeded: value >> 24))
        bytes.append(UInt8(truncatingIfNeeded: value >> 16))
        bytes.append(UInt8(truncatingIfNeeded: value >> 8))
        bytes.append(UInt8(truncatingIfNeeded: value))
    }

    private static let format = "latchkey/v1"
}

extension UInt32 {
    /// The four bytes, most significant first: how a kid is written into a context.
    var bigEndianBytes: [UInt8] {
        withUnsafeBytes(of: bigEndian) { [UInt8]($0) }
    }
}
