import LatchkeyCore

/// The query of a call: passed on as sent, if it is one, and if no credential stands in it.
enum QueryCheck {
    /// What is wrong with it, or nil. More is let through than RFC 3986 knows (`[`, `|`), because clients send it; never
    /// a control character, encoded or not, and nothing that could end the query.
    static func flaw(in query: Substring.UTF8View) -> String? {
        var rest = query
        while let byte = rest.popFirst() {
            switch byte {
            case UInt8(ascii: "%"):
                guard let decoded = escaped(rest) else { return "holds a percent sign without two digits behind it" }
                if decoded < 0x20 || decoded == 0x7F { return "holds an encoded control character" }
            case UInt8(ascii: "#"), UInt8(ascii: "\\"), 0...0x20, 0x7F...:
                return "holds a character that does not belong there"
            default: break
            }
        }
        return nil
    }

    /// Whether one of its names is one that keys and tokens are sent under. Names are compared decoded and without
    /// regard to case; `;` divides like `&`, as some servers have it.
    static func namesCredential(_ query: Substring.UTF8View) -> Bool {
        query.split(whereSeparator: { $0 == UInt8(ascii: "&") || $0 == UInt8(ascii: ";") }).contains { pair in
            names.contains(name(pair.prefix { $0 != UInt8(ascii: "=") }))
        }
    }

    /// Decoded, in lower case, `-` for `_`, without blanks around it and without the `[]` of a list.
    private static func name(_ encoded: Substring.UTF8View) -> String {
        var bytes: [UInt8] = []
        var rest = encoded
        while let byte = rest.popFirst() {
            switch byte {
            case UInt8(ascii: "%"):
                guard let decoded = escaped(rest) else { break }
                bytes.append(folded(decoded))
                rest = rest.dropFirst(2)
            case UInt8(ascii: "+"): bytes.append(0x20)
            default: bytes.append(folded(byte))
            }
        }
        let trimmed = bytes.drop { $0 == 0x20 }.prefix { $0 != 0x20 && $0 != UInt8(ascii: "[") }
        return String(decoding: trimmed, as: UTF8.self)
    }

    private static func folded(_ byte: UInt8) -> UInt8 {
        switch byte {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"): byte | 0x20
        case UInt8(ascii: "_"): UInt8(ascii: "-")
        default: byte
        }
    }

    private static func escaped(_ digits: Substring.UTF8View) -> UInt8? { SafePath.escaped(Array(digits.prefix(2))) }

    /// As `name` gives them.
    private static let names: Set<String> = [
        "key", "api-key", "apikey", "access-token", "accesstoken", "token", "auth-token", "oauth-token", "bearer-token",
        "authorization", "x-api-key", "x-goog-api-key", "xi-api-key", "subscription-key",
        "ocp-apim-subscription-key", "client-secret",
    ]
}
