/// A fixed set of field names, asked for each field of each call. Most names that are asked for are not in it, and most
/// of those are told by their length alone; hashing each would cost more than all the rest of the look.
struct FieldNames: Sendable {
    private let byLength: [[String]]

    /// - Parameter names: in lower case.
    init(_ names: some Sequence<String>) {
        var byLength: [[String]] = []
        for name in Set(names) {
            let length = name.utf8.count
            while byLength.count <= length { byLength.append([]) }
            byLength[length].append(name)
        }
        self.byLength = byLength
    }

    /// - Parameter name: ASCII, in lower case.
    func contains(_ name: String) -> Bool {
        let length = name.utf8.count
        return length < byLength.count && byLength[length].contains(name)
    }
}

/// The beginnings of names, in the same way.
struct FieldPrefixes: Sendable {
    private let prefixes: [[UInt8]]

    /// - Parameter prefixes: in lower case.
    init(_ prefixes: [String]) { self.prefixes = prefixes.map { Array($0.utf8) } }

    /// - Parameter name: ASCII, in lower case.
    func matches(_ name: String) -> Bool {
        var name = name
        return name.withUTF8 { bytes in prefixes.contains { Self.isPrefix($0, of: bytes) } }
    }

    private static func isPrefix(_ prefix: [UInt8], of bytes: UnsafeBufferPointer<UInt8>) -> Bool {
        guard prefix.count <= bytes.count else { return false }
        for index in prefix.indices where prefix[index] != bytes[index] { return false }
        return true
    }
}

/// The fields that can hold a credential: the common ones and those of a catalogue's.
struct CarrierNames {
    private let names: Set<String>
    /// A bit for each length a name has.
    private let lengths: UInt64

    init(_ names: Set<String>) {
        self.names = names
        var lengths: UInt64 = 0
        for name in names { lengths |= 1 << UInt64(name.utf8.count & 63) }
        self.lengths = lengths
    }

    /// - Parameter name: ASCII, in lower case.
    func contains(_ name: String) -> Bool {
        if Self.common.contains(name) { return true }
        return lengths & 1 << UInt64(name.utf8.count & 63) != 0 && names.contains(name)
    }

    private static let common = FieldNames(GatewayCredential.commonCarriers)
}
