/// `host` or `host:port` out of a URL, in the one spelling that every parser reads alike.
///
/// Refused, because two parsers read them as two hosts or because no certificate can be issued for them: user info,
/// brackets, an empty port or one with zeros in front, a dot at the end, empty labels, anything outside ASCII (an
/// international name is written as its `xn--` form), and every number that stands for an IPv4 address but is not four
/// plain decimals: `2130706433`, `0x7f.1`, `0177.0.0.1`, `127.1`.
package struct URLAuthority: Sendable, Hashable {
    /// In lower case.
    package let host: String
    package let port: Int?
    /// What the host is when it is four decimals.
    package let address: NetworkAddress?

    package init?(_ text: some StringProtocol) {
        let parts = Array(text.utf8).split(separator: UInt8(ascii: ":"), omittingEmptySubsequences: false)
        guard let name = parts.first, parts.count <= 2 else { return nil }
        if parts.count == 2 {
            guard let port = Self.decimal(parts[1], upTo: 65_535), port > 0 else { return nil }
            self.port = port
        } else {
            port = nil
        }
        let labels = name.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        guard name.count <= 253, labels.allSatisfy(Self.isLabel), let last = labels.last else { return nil }
        if Self.isNumber(last) {
            let bytes = labels.compactMap { Self.decimal($0, upTo: 255).map { UInt8($0) } }
            guard labels.count == 4, let address = NetworkAddress(bytes: bytes) else { return nil }
            self.address = address
        } else {
            address = nil
        }
        host = String(decoding: name.map(Self.lowercased), as: UTF8.self)
    }

    /// Letters, digits and hyphens (RFC 1123, section 2.1), and the underscore, which names inside a house have.
    private static func isLabel(_ label: ArraySlice<UInt8>) -> Bool {
        let hyphen = UInt8(ascii: "-")
        return (1...63).contains(label.count) && label.first != hyphen && label.last != hyphen
            && label.allSatisfy { byte in
                switch lowercased(byte) {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"), hyphen,
                    UInt8(ascii: "_"):
                    true
                default: false
                }
            }
    }

    /// Whether a host that ends in this label is an IPv4 address to some parser (WHATWG URL, "ends in a number").
    private static func isNumber(_ label: ArraySlice<UInt8>) -> Bool {
        let isHex =
            label.count >= 2 && label.first == UInt8(ascii: "0") && lowercased(label.dropFirst().first ?? 0) == 0x78
        return isHex || label.allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
    }

    /// A decimal without zeros in front, which some take for octal.
    private static func decimal(_ digits: ArraySlice<UInt8>, upTo maximum: Int) -> Int? {
        guard (1...5).contains(digits.count), digits.count == 1 || digits.first != UInt8(ascii: "0") else { return nil }
        var value = 0
        for digit in digits {
            guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(digit) else { return nil }
            value = value * 10 + Int(digit - UInt8(ascii: "0"))
        }
        return value <= maximum ? value : nil
    }

    private static func lowercased(_ byte: UInt8) -> UInt8 {
        (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte) ? byte | 0x20 : byte
    }
}
