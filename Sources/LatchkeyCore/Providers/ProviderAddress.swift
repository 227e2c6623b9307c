/// What an address a key goes to may look like: https, a host, perhaps a port, a plain path, and no user info, query or
/// fragment; or, when the operator asked for it, plain http to this machine.
package enum ProviderAddress {
    package enum Check: Sendable, Equatable {
        case usable
        case loopbackNotAllowed
        case unusable(String)
    }

    /// An address taken apart. The path is without a slash at its end.
    package struct Parts: Sendable {
        package let isTLS: Bool
        package let authority: URLAuthority
        package let path: String
    }

    /// An entry of the catalogue, with its `{field}` placeholders or without.
    package static func check(_ address: String, allowLoopback: Bool) -> Check {
        guard let plain = scheme(address).map({ !$0 }) else { return .unusable("is not an https address") }
        for byte in address.utf8 where byte <= 0x20 || byte >= 0x7F || unsafeBytes.contains(byte) {
            return .unusable("holds a character that does not belong there")
        }
        let rest = address.dropFirst(plain ? 7 : 8)
        let host = rest.prefix { $0 != "/" && $0 != ":" }
        guard !host.isEmpty else { return .unusable("has no host") }
        // A field of the key's own may be a part of a provider's name, never all of it or its end.
        if let last = host.split(separator: ".").last, last.contains("{") {
            return .unusable("leaves the end of the host to a field")
        }
        guard parts(of: withoutPlaceholders(address)) != nil else { return .unusable("can be read in two ways") }
        guard plain else { return .usable }
        guard host == "127.0.0.1" || host == "localhost" else { return .unusable("is not an https address") }
        return allowLoopback ? .usable : .loopbackNotAllowed
    }

    /// - Returns: nil for what is not of the form, or holds placeholders.
    package static func parts(of address: String) -> Parts? {
        guard let isTLS = scheme(address) else { return nil }
        let rest = address.utf8.dropFirst(isTLS ? 8 : 7)
        let text = rest.prefix { $0 != UInt8(ascii: "/") }
        let path = String(Substring(rest.dropFirst(text.count))).trimmingTrailingSlash
        guard let authority = URLAuthority(Substring(text)), path.isEmpty || SafePath.flaw(in: path.utf8) == nil
        else { return nil }
        return Parts(isTLS: isTLS, authority: authority, path: path)
    }

    /// True for https, false for http, nil for anything else.
    private static func scheme(_ address: String) -> Bool? {
        if address.utf8.starts(with: "https://".utf8) { return true }
        return address.utf8.starts(with: "http://".utf8) ? false : nil
    }

    /// A field is letters, digits and hyphens where it is part of an address (`Provider.baseURL(fields:)`), so a letter
    /// stands for it.
    private static func withoutPlaceholders(_ address: String) -> String {
        var result = ""
        var rest = address[...]
        while let open = rest.firstIndex(of: "{"), let close = rest[open...].firstIndex(of: "}") {
            result += rest[..<open] + "x"
            rest = rest[rest.index(after: close)...]
        }
        return result + rest
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
