package import LatchkeyCore

/// The request target of a gateway call, taken apart and found safe: `/gateway/openai/chat/completions?x=1`.
///
/// Everything is judged and passed on as sent, never decoded: what is judged is then what the provider gets, byte for
/// byte, and no second parser can find another path in it.
package struct GatewayTarget: Sendable {
    package var provider: ProviderID
    /// Begins with `/`; fit for `Destination.requestTarget`.
    package var path: String
    /// Without the `?`.
    package var query: String?

    package static let maximumBytes = 4096

    /// - Throws: `unsafe_path`, `credential_in_url`, `unknown_provider` for what can be no provider's id. Nothing of the
    ///   target is in their texts: it may hold a key.
    package init(_ target: String) throws(LatchkeyError) {
        let bytes = target.utf8
        guard bytes.count <= Self.maximumBytes else {
            throw LatchkeyError(.unsafePath, "the URL has \(bytes.count) bytes, at most \(Self.maximumBytes)")
        }
        // Also an absolute form (`http://host/…`), an authority (CONNECT) and `*` end here.
        guard bytes.starts(with: LatchkeyGateway.prefix.utf8) else {
            throw LatchkeyError(.unsafePath, "the path does not begin with \(LatchkeyGateway.prefix)")
        }
        let mark = bytes.firstIndex(of: UInt8(ascii: "?")) ?? bytes.endIndex
        let whole = bytes[..<mark]
        if let flaw = SafePath.flaw(in: whole) {
            throw LatchkeyError(.unsafePath, "the path \(flaw)", hint: "send the path as the provider documents it")
        }
        if let flaw = Self.flaw(in: whole) {
            throw LatchkeyError(.unsafePath, "the path \(flaw)", hint: "send the path as the provider documents it")
        }
        query = try mark == bytes.endIndex ? nil : Self.checkedQuery(bytes[bytes.index(after: mark)...])
        let behind = whole.dropFirst(LatchkeyGateway.prefix.utf8.count)
        let name = behind.prefix { $0 != UInt8(ascii: "/") }
        guard let provider = ProviderID(String(Substring(name))) else {
            throw LatchkeyError(.unknownProviderPath, "no such provider in the catalogue")
        }
        self.provider = provider
        let rest = Substring(behind.dropFirst(name.count))
        path = rest.isEmpty ? "/" : String(rest)
    }

    /// Another spelling of the same path: what is metered, and what a token is restricted to, is told by the path.
    private static func flaw(in path: Substring.UTF8View) -> String? {
        guard !path.contains(UInt8(ascii: ";")) else { return "has parameters in a segment" }
        var rest = path[...]
        while let percent = rest.firstIndex(of: UInt8(ascii: "%")) {
            rest = rest[rest.index(after: percent)...]
            guard let byte = UInt8(String(Substring(rest.prefix(2))), radix: 16) else { continue }
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "~"),
                UInt8(ascii: ";"):
                return "escapes a character that needs none"
            default: break
            }
        }
        return nil
    }

    private static func checkedQuery(_ query: Substring.UTF8View) throws(LatchkeyError) -> String {
        if let flaw = QueryCheck.flaw(in: query) {
            throw LatchkeyError(.unsafePath, "the query \(flaw)")
        }
        guard !QueryCheck.namesCredential(query) else {
            throw LatchkeyError(
                .credentialInURL, "a key or token in the URL ends up in logs and is not taken from there",
                hint: "send it in a header field: Authorization, or the one the provider's own client uses")
        }
        return String(Substring(query))
    }
}
