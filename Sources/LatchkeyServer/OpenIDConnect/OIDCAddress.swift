import LatchkeyCore

/// An address of the provider's: https, or on this machine plain http. Read strictly, so that what is judged here is what
/// is dialled.
package struct OIDCAddress: Sendable, Equatable {
    package let text: String
    let isTLS: Bool

    /// The longest one, in bytes.
    static let maximumBytes = 1024

    /// - Parameter needsTLS: no plain http, on this machine neither: an issuer behind TLS does not lead out of it.
    /// - Returns: nil for another scheme, for plain http to anywhere else, for user information, a fragment, a character
    ///   that does not belong there, and for a host or path that two parsers could read as two.
    init?(_ text: String, needsTLS: Bool = false) {
        guard text.utf8.count <= Self.maximumBytes else { return nil }
        let (address, query) = Self.split(text)
        guard let parts = ProviderAddress.parts(of: address), query.utf8.allSatisfy(Self.isQueryByte) else {
            return nil
        }
        let host = parts.authority.host
        let isLoopback = host == "localhost" || parts.authority.address.map(AddressPolicy.isLoopback) ?? false
        guard parts.isTLS || isLoopback && !needsTLS else { return nil }
        self.text = text
        isTLS = parts.isTLS
    }

    /// Whether it already has a query, behind which `&` goes on.
    var hasQuery: Bool { text.utf8.contains(UInt8(ascii: "?")) }

    private static func split(_ text: String) -> (address: String, query: String) {
        guard let mark = text.utf8.firstIndex(of: UInt8(ascii: "?")) else { return (text, "") }
        return (String(text[..<mark]), String(text[text.utf8.index(after: mark)...]))
    }

    /// RFC 3986, section 3.4, as far as addresses of providers go: no `#`, no quotes, nothing outside ASCII.
    private static func isQueryByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"),
            UInt8(ascii: "~"), UInt8(ascii: "="), UInt8(ascii: "&"), UInt8(ascii: "%"), UInt8(ascii: "+"),
            UInt8(ascii: "/"), UInt8(ascii: ":"), UInt8(ascii: ","):
            true
        default: false
        }
    }
}
