package import LatchkeyCrypto

/// An access token as its bearer shows it: `lk_<id>_<secret>`. Its id is public, its secret is 32 random bytes.
package struct AccessToken: ~Copyable, Sendable {
    /// 16 of `a-z` and `2-7`: 80 random bits.
    package let id: String
    package let secret: Secret

    package static let idLength = 16
    /// Bytes, not characters: 32 of them.
    package static let secretLength = 32
    /// `lk_`, the id, `_`, 43 characters of base64url.
    package static let textLength = 3 + idLength + 1 + 43

    private static let prefix = Array("lk_".utf8)
    private static let idAlphabet = Array("abcdefghijklmnopqrstuvwxyz234567".utf8)

    /// A new one.
    package init() {
        var random = SystemRandomNumberGenerator()
        id = String(
            decoding: (0..<Self.idLength).map { _ in
                Self.idAlphabet[Int(UInt8.random(in: 0...31, using: &random))]
            }, as: UTF8.self)
        secret = Secret.random(count: Self.secretLength)
    }

    /// - Returns: nil for what is not of the form, to the byte. One token has one spelling.
    package init?(_ text: [UInt8]) {
        guard Self.hasForm(text) else { return nil }
        let secret = Secret.decode(
            base64URL: text[(Self.prefix.count + Self.idLength + 1)...], count: Self.secretLength)
        guard let secret else { return nil }
        self.secret = secret
        id = String(decoding: text[Self.prefix.count..<(Self.prefix.count + Self.idLength)], as: UTF8.self)
    }

    /// Whether a credential is to be taken for an access token at all: its length, its beginning and its id.
    package static func hasForm(_ text: [UInt8]) -> Bool {
        let end = prefix.count + idLength
        return text.count == textLength && text.starts(with: prefix) && text[end] == UInt8(ascii: "_")
            && text[prefix.count..<end].allSatisfy { idAlphabet.contains($0) }
    }

    /// Whether a text may be the id of a token: what comes in a path.
    package static func isID(_ text: String) -> Bool {
        text.utf8.count == idLength && text.utf8.allSatisfy { idAlphabet.contains($0) }
    }

    /// The whole text, to be shown once.
    package borrowing func text() -> SharedSecret { SharedSecret(secret.base64URL(after: "lk_\(id)_")) }
}
