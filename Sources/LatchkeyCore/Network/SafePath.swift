/// The path of a URL as it may be joined to another or sent on: one that every parser, proxy and server takes apart in
/// the same way, with nothing in it that leaves the place it was put.
package enum SafePath {
    /// What is wrong with a path that begins with `/`, or nil. Bytes are judged as sent, nothing is decoded first.
    package static func flaw(in path: some Sequence<UInt8>) -> String? {
        let bytes = ContiguousArray(path)
        guard bytes.first == slash else { return "does not begin with a slash" }
        var start = 1
        for index in bytes.indices.dropFirst() {
            switch bytes[index] {
            case slash:
                if index == start { return "holds an empty segment" }
                if isDots(bytes[start..<index]) { return "holds a dot segment" }
                start = index + 1
            case UInt8(ascii: "%"):
                guard let decoded = escaped(bytes[(index + 1)...]) else {
                    return "holds a percent sign without two digits behind it"
                }
                guard isHarmlessEscaped(decoded) else { return "holds an escaped character that may not be escaped" }
            case let byte where !isPathCharacter(byte): return "holds a character that does not belong there"
            default: break
            }
        }
        return isDots(bytes[start...]) ? "holds a dot segment" : nil
    }

    /// The byte that two hexadecimal digits at the beginning stand for (RFC 3986, section 2.1).
    package static func escaped(_ digits: some RandomAccessCollection<UInt8>) -> UInt8? {
        guard let first = digits.first, let second = digits.dropFirst().first, let high = hex(first),
            let low = hex(second)
        else { return nil }
        return high << 4 | low
    }

    /// `.`, `..`, both with parameters, which some servers cut off before they look (`..;/`), and anything else that
    /// begins with two dots: some trim what follows.
    private static func isDots(_ segment: ContiguousArray<UInt8>.SubSequence) -> Bool {
        guard segment.first == dot else { return false }
        guard let second = segment.dropFirst().first else { return true }
        return second == dot || second == UInt8(ascii: ";") || second == UInt8(ascii: "%")
    }

    /// Not the percent sign, which would be a second layer; not what takes paths apart; no control character; nothing
    /// outside ASCII, where dots and slashes have doubles (`%c0%ae`, `%ef%bc%8e`).
    private static func isHarmlessEscaped(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "%"), dot, slash, UInt8(ascii: "\\"): false
        case 0x20...0x7E: true
        default: false
        }
    }

    /// `pchar` of RFC 3986, section 3.3, without `@`: behind it a careless parser sees a host.
    private static func isPathCharacter(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), dot, UInt8(ascii: "_"), UInt8(ascii: "~"),
            UInt8(ascii: "!"), UInt8(ascii: "$"), UInt8(ascii: "&"), UInt8(ascii: "'"), UInt8(ascii: "("),
            UInt8(ascii: ")"), UInt8(ascii: "*"), UInt8(ascii: "+"), UInt8(ascii: ","), UInt8(ascii: ";"),
            UInt8(ascii: "="), UInt8(ascii: ":"):
            true
        default: false
        }
    }

    private static func hex(_ byte: UInt8) -> UInt8? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
        default: nil
        }
    }

    private static var slash: UInt8 { UInt8(ascii: "/") }
    private static var dot: UInt8 { UInt8(ascii: ".") }
}
