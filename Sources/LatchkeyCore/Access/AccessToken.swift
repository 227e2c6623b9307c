package import LatchkeyCrypto

/// An access token as its bearer shows it: `lk_<id>_<secret>`. Its id is public, its secret is 32 random bytes.
package struct AccessToken: ~Copyable, Sendable {
    /// 16 of `a-z` and `2-7`: 80 random bits.
    package let id: String
    package let secret: Secret

    package static let idLength = IdentifiedSecret.idLength
    /// Bytes, not characters: 32 of them.
    package static let secretLength = IdentifiedSecret.secretLength
    /// `lk_`, the id, `_`, 43 characters of base64url.
    package static let textLength = 3 + idLength + 1 + 43

    private static let prefix = Array("lk_".utf8)

    /// A new one.
    package init() {
        let new = IdentifiedSecret()
        id = new.id
        secret = new.secret
    }

    /// - Returns: nil for what is not of the form, to the byte. One token has one spelling.
    package init?(_ text: [UInt8]) {
        guard let shown = IdentifiedSecret(text, prefix: Self.prefix) else { return nil }
        id = shown.id
        secret = shown.secret
    }

    /// Whether a credential is to be taken for an access token at all: its length, its beginning and its id.
    package static func hasForm(_ text: [UInt8]) -> Bool { IdentifiedSecret.hasForm(text, prefix: prefix) }

    /// Whether a text may be the id of a token: what comes in a path.
    package static func isID(_ text: String) -> Bool { IdentifiedSecret.isID(text) }

    /// The whole text, to be shown once.
    package borrowing func text() -> SharedSecret { IdentifiedSecret.text(Self.prefix, id, secret) }
}
