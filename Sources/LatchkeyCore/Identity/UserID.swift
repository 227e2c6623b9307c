/// A verified user's id: the exact UTF-8 bytes that the application's identity says, compared and hashed as bytes.
///
/// Swift's `String` equality is canonical equivalence, under which the two spellings of `café` are one user and share
/// a dictionary slot. Here they are two. Nothing is normalised, folded, trimmed or cut: an id that does not fit is refused.
public struct UserID: Sendable, Hashable {
    public let bytes: [UInt8]

    /// The longest id in Unicode scalars: what `VARCHAR(64)` holds.
    public static let maximumLength = 64

    /// - Throws: `invalid_user_id` when empty, not UTF-8, over 64 characters, or holding a control character.
    public init(_ bytes: some Collection<UInt8>) throws(LatchkeyError) {
        let bytes = Array(bytes)
        guard !bytes.isEmpty else { throw LatchkeyError(.invalidUserID, "the user id is empty") }
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw LatchkeyError(.invalidUserID, "the user id is not UTF-8")
        }
        var length = 0
        for scalar in text.unicodeScalars {
            length += 1
            if isControl(scalar) {
                throw LatchkeyError(.invalidUserID, "the user id holds a control character")
            }
        }
        guard length <= Self.maximumLength else {
            throw LatchkeyError(.invalidUserID, "the user id has \(length) characters, at most \(Self.maximumLength)")
        }
        self.bytes = bytes
    }

    public init(_ text: String) throws(LatchkeyError) {
        try self.init(Array(text.utf8))
    }

    /// For display and for binding to SQL. Never compare two of these: compare the ids.
    public var text: String { String(decoding: bytes, as: UTF8.self) }
}

/// C0, DEL and C1: what no id, name or label may hold.
package func isControl(_ scalar: Unicode.Scalar) -> Bool {
    scalar.value < 0x20 || (0x7F...0x9F).contains(scalar.value)
}
