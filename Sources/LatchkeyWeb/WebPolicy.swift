package import HTTPTypes
package import LatchkeyCore

/// The header fields of everything below `/ui/`: what a browser must not do with these pages, whatever stands in them.
package struct WebPolicy: Sendable {
    private let common: HTTPFields
    private let embed: HTTPFields

    /// - Parameter frameAncestors: origins whose pages may show `/ui/embed` in a frame, and `self` for our own. No other
    ///   page is ever shown in one.
    /// - Throws: `configuration` for what is no origin.
    package init(frameAncestors: [String]) throws(LatchkeyError) {
        for origin in frameAncestors where origin != "self" && !Self.isOrigin(origin) {
            throw LatchkeyError(
                .configuration, "LATCHKEY_UI_FRAME_ANCESTORS names something that is no web origin",
                hint: "write origins as https://app.example.com, comma-separated, or self; no path, no wildcard")
        }
        let ancestors = frameAncestors.map { $0 == "self" ? "'self'" : $0 }
        common = Self.fields(frameAncestors: "'none'", isEmbedded: false)
        embed = Self.fields(
            frameAncestors: ancestors.isEmpty ? "'none'" : ancestors.joined(separator: " "), isEmbedded: true)
    }

    /// Nobody may show any page in a frame.
    package static let closed = WebPolicy()

    private init() {
        common = Self.fields(frameAncestors: "'none'", isEmbedded: false)
        embed = Self.fields(frameAncestors: "'none'", isEmbedded: true)
    }

    /// Whether these fields belong on the answer to a request of this path.
    package static func covers(_ path: String) -> Bool {
        path.utf8.starts(with: "/ui".utf8) && (path.utf8.count == 3 || path.utf8.dropFirst(3).first == slash)
    }

    /// Puts in each field that is not there yet.
    package func mark(_ fields: inout HTTPFields, at path: String) {
        for field in path == "/ui/embed" ? embed : common where fields[field.name] == nil { fields.append(field) }
    }

    private static func fields(frameAncestors: String, isEmbedded: Bool) -> HTTPFields {
        let policy = [
            "default-src 'none'", "script-src 'self'", "style-src 'self'", "img-src 'self' data:", "font-src 'self'",
            "connect-src 'self'", "form-action 'self'", "base-uri 'none'", "frame-ancestors \(frameAncestors)",
            "require-trusted-types-for 'script'",
        ]
        var fields = HTTPFields()
        fields[.contentSecurityPolicy] = policy.joined(separator: "; ")
        fields[.referrerPolicy] = "no-referrer"
        fields[.permissionsPolicy] =
            "camera=(), display-capture=(), geolocation=(), microphone=(), midi=(), payment=(), usb=()"
        fields[.crossOriginResourcePolicy] = "same-origin"
        if !isEmbedded { fields[.crossOriginOpenerPolicy] = "same-origin" }
        return fields
    }

    /// `https://host` or `http://host`, with a port or without: nothing that could end a directive of the policy.
    private static func isOrigin(_ text: String) -> Bool {
        guard let scheme = ["https://", "http://"].first(where: { text.hasPrefix($0) }) else { return false }
        let rest = text.utf8.dropFirst(scheme.utf8.count)
        let host = rest.prefix { $0 != UInt8(ascii: ":") }
        let isHost =
            !host.isEmpty
            && host.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."),
                    UInt8(ascii: "-"):
                    true
                default: false
                }
            }
        let port = rest.dropFirst(host.count)
        guard isHost else { return false }
        return port.isEmpty
            || ((2...6).contains(port.count) && UInt16(String(decoding: port.dropFirst(), as: UTF8.self)) != nil)
    }

    private static let slash = UInt8(ascii: "/")
}

extension HTTPField.Name {
    private static func made(_ name: String) -> HTTPField.Name { HTTPField.Name(name) ?? .server }
    static let referrerPolicy = made("Referrer-Policy")
    static let permissionsPolicy = made("Permissions-Policy")
    static let crossOriginOpenerPolicy = made("Cross-Origin-Opener-Policy")
}
