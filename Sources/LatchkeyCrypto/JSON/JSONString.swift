/// A JSON string, escapes decoded.
public struct JSONString: Sendable {
    /// Valid UTF-8. Compare these where equality matters: `String` compares by canonical equivalence.
    public let bytes: [UInt8]

    init(bytes: [UInt8]) {
        self.bytes = bytes
    }

    /// The same as a `String`.
    public var string: String { String(decoding: bytes, as: UTF8.self) }
}
