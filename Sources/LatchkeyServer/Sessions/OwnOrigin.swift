import HTTPTypes
package import Hummingbird
package import LatchkeyCore

/// The web origin that our own pages are at, as browsers write it: `https://keys.example.com`.
package struct OwnOrigin: Sendable, Equatable {
    package let text: String
    /// Whether its cookies are for TLS alone.
    package let isSecure: Bool
}

/// Which origin is our own: the configured one, or on this machine the one that was asked for.
package struct OwnOrigins: Sendable {
    /// nil: pages are for this machine alone.
    package let configured: OwnOrigin?

    /// - Parameter publicURL: `https://host` or `https://host:port`, no path; in plain http this machine's addresses only.
    /// - Throws: `configuration`.
    package init(publicURL: String?) throws(LatchkeyError) {
        guard let publicURL else {
            configured = nil
            return
        }
        guard let origin = Self.parse(publicURL) else {
            throw LatchkeyError(
                .configuration, "LATCHKEY_PUBLIC_URL is not the address of a site that browsers reach by TLS",
                hint: "write https://keys.example.com, without a path or a / at the end")
        }
        configured = origin
    }

    /// The origin that a request's own pages are at.
    ///
    /// Without a configured one the request's `Host` decides, and only this machine's own names are believed: another name
    /// may be somebody's who made it point here (DNS rebinding), and whose pages would then be taken for ours.
    ///
    /// - Returns: nil where it cannot be known.
    package func origin(of request: Request) -> OwnOrigin? {
        if let configured { return configured }
        // A second Host is left among the fields, and two parsers might take one each.
        guard request.headers[.host] == nil, let host = request.head.authority, Self.isLoopback(host) else {
            return nil
        }
        return OwnOrigin(text: "http://\(host)", isSecure: false)
    }

    private static func parse(_ text: String) -> OwnOrigin? {
        if text.utf8.starts(with: "https://".utf8) {
            guard let authority = URLAuthority(text.dropFirst("https://".count)) else { return nil }
            // As browsers write an origin: the usual port is left out (WHATWG HTML, "serialization of an origin").
            let port = authority.port.flatMap { $0 == 443 ? nil : ":\($0)" } ?? ""
            return OwnOrigin(text: "https://\(authority.host)\(port)", isSecure: true)
        }
        guard text.utf8.starts(with: "http://".utf8) else { return nil }
        let host = String(text.dropFirst("http://".count))
        return isLoopback(host) ? OwnOrigin(text: text, isSecure: false) : nil
    }

    /// Exactly one of this machine's names, and a port.
    private static func isLoopback(_ host: String) -> Bool {
        for name in ["127.0.0.1", "localhost", "[::1]"] where host.utf8.starts(with: name.utf8) {
            let rest = host.utf8.dropFirst(name.utf8.count)
            guard let colon = rest.first else { return true }
            let digits = rest.dropFirst()
            return colon == UInt8(ascii: ":") && (1...5).contains(digits.count) && digits.first != UInt8(ascii: "0")
                && digits.allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
        }
        return false
    }
}

extension HTTPField.Name {
    static let host = HTTPField.Name("Host") ?? .server
}
