import Crypto

/// A salt, or HKDF's info, that may differ for each user: `{user_id}` in it stands for the user's id.
package struct SaltTemplate: Sendable, Equatable {
    static let marker = "{user_id}"
    static let hashPrefix = "sha256:"

    /// The text with its marker.
    let text: String
    /// Whether the first 16 bytes of SHA-256 of the text are meant, which is what code does that wants "a salt".
    let isHashed: Bool

    static let user = SaltTemplate(marker)
    static let hashedUser = SaltTemplate(hashPrefix + marker)
    static let empty = SaltTemplate("")

    /// - Parameter text: as the operator writes it; `sha256:` in front asks for the hash.
    package init(_ text: String) {
        isHashed = text.hasPrefix(Self.hashPrefix)
        self.text = isHashed ? String(text.dropFirst(Self.hashPrefix.count)) : text
    }

    var isPerUser: Bool { text.utf8.firstRange(of: Self.marker.utf8) != nil }

    func bytes(user: [UInt8]) -> [UInt8] {
        var bytes: [UInt8] = []
        var rest = Array(text.utf8)[...]
        let marker = Array(Self.marker.utf8)
        while let range = rest.firstRange(of: marker) {
            bytes += rest[..<range.lowerBound] + user
            rest = rest[range.upperBound...]
        }
        bytes += rest
        return isHashed ? Array(SHA256.hash(data: bytes).prefix(16)) : bytes
    }
}
