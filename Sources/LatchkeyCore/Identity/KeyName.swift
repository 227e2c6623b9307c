/// What tells several keys of one user at one provider apart: 1 to 64 of `A-Z a-z 0-9 . _ -`. ASCII, so bytes and
/// characters agree.
public struct KeyName: Sendable, Hashable {
    public let text: String

    /// The key that a call without a name means; the reference system's only key per provider.
    public static let `default` = KeyName(unchecked: "default")

    private init(unchecked text: String) { self.text = text }

    /// - Throws: `invalid_name`.
    public init(_ text: String) throws(LatchkeyError) {
        let bytes = text.utf8
        guard (1...64).contains(bytes.count), bytes.allSatisfy(Self.isAllowed) else {
            throw LatchkeyError(.invalidName, "a key's name has 1 to 64 of A-Z a-z 0-9 . _ -")
        }
        self.text = text
    }

    private static func isAllowed(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "-"):
            true
        default: false
        }
    }
}
