/// What an address in the catalogue may look like: https, a host name, no user info, no query, no fragment; or, when the
/// operator asked for it, plain http to this machine.
package enum ProviderAddress {
    package enum Check: Sendable, Equatable {
        case usable
        case loopbackNotAllowed
        case unusable(String)
    }

    package static func check(_ address: String, allowLoopback: Bool) -> Check {
        let isPlain = address.utf8.starts(with: "http://".utf8)
        guard isPlain || address.utf8.starts(with: "https://".utf8) else { return .unusable("is not an https address") }
        let rest = address.dropFirst(isPlain ? 7 : 8)
        let authority = rest.prefix { $0 != "/" }
        for byte in address.utf8 where byte <= 0x20 || byte >= 0x7F || unsafeBytes.contains(byte) {
            return .unusable("holds a character that does not belong there")
        }
        guard let first = authority.first, first != ":" else { return .unusable("has no host") }
        guard isPlain else { return .usable }
        let host = authority.prefix { $0 != ":" }
        guard host == "127.0.0.1" || host == "localhost" else { return .unusable("is not an https address") }
        return allowLoopback ? .usable : .loopbackNotAllowed
    }

    /// `@` would be user info, `?` and `#` would swallow the path that is appended, `\` is read differently by each parser.
    private static let unsafeBytes: Set<UInt8> = Set("@?#\\\"<>^`|".utf8)
}

extension String {
    /// Without slashes at its end, so that a path can be appended.
    var trimmingTrailingSlash: String {
        var text = self[...]
        while text.utf8.last == UInt8(ascii: "/") { text.removeLast() }
        return String(text)
    }
}

/// RFC 9110 token and field value, for what the catalogue puts into requests.
enum HeaderText {
    static func isName(_ text: String) -> Bool {
        !text.isEmpty
            && text.utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"):
                    true
                default: false
                }
            }
    }

    static func isValue(_ text: String) -> Bool {
        text.utf8.allSatisfy { (0x20...0x7E).contains($0) }
    }
}
