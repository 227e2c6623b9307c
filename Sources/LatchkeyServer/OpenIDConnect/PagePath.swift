import LatchkeyCore

/// Where somebody goes after signing in: one of our own pages, and nowhere else, however it is spelled.
struct PagePath: Sendable, Equatable {
    let text: String

    static let start = PagePath(unchecked: "/ui/")
    static let maximumBytes = 512

    /// - Returns: nil for whatever is not a plain path below `/ui/`, with a plain query or without. A path that browsers
    ///   would read as another host (`//`, `\`), that climbs (`..`, escaped too), or that begins a sign-in again is none.
    init?(_ given: some Sequence<UInt8>) {
        let bytes = Array(given)
        guard bytes.count <= Self.maximumBytes, bytes.starts(with: "/ui/".utf8) else { return nil }
        let path = bytes.prefix { $0 != UInt8(ascii: "?") }
        let query = bytes.dropFirst(path.count + 1)
        // No escapes in the path: no page's name needs one, and each layer that decodes them decodes differently.
        guard SafePath.flaw(in: path) == nil, !path.contains(UInt8(ascii: "%")),
            !path.starts(with: "/ui/oidc".utf8), query.allSatisfy(Self.isQueryByte)
        else { return nil }
        text = String(decoding: bytes, as: UTF8.self)
    }

    private init(unchecked text: String) { self.text = text }

    private static func isQueryByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"),
            UInt8(ascii: "~"), UInt8(ascii: "="), UInt8(ascii: "&"), UInt8(ascii: "%"), UInt8(ascii: "+"),
            UInt8(ascii: ":"), UInt8(ascii: ","):
            true
        default: false
        }
    }
}
