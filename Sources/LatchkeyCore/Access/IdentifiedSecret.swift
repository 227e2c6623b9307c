import LatchkeyCrypto

/// A secret of 32 random bytes with a public id, as its bearer shows it: `<word>_<id>_<secret>`.
struct IdentifiedSecret: ~Copyable, Sendable {
    let id: String
    let secret: Secret

    static let idLength = 16
    static let secretLength = 32
    private static let idAlphabet = Array("abcdefghijklmnopqrstuvwxyz234567".utf8)
    /// Characters of base64url for 32 bytes.
    private static let secretText = 43

    /// A new one.
    init() {
        var random = SystemRandomNumberGenerator()
        id = String(
            decoding: (0..<Self.idLength).map { _ in
                Self.idAlphabet[Int(UInt8.random(in: 0...31, using: &random))]
            }, as: UTF8.self)
        secret = Secret.random(count: Self.secretLength)
    }

    /// - Parameter prefix: the word and its `_`.
    /// - Returns: nil for what is not of the form, to the byte. One secret has one spelling.
    init?(_ text: [UInt8], prefix: [UInt8]) {
        guard Self.hasForm(text, prefix: prefix) else { return nil }
        let secret = Secret.decode(
            base64URL: text[(prefix.count + Self.idLength + 1)...], count: Self.secretLength)
        guard let secret else { return nil }
        self.secret = secret
        id = String(decoding: text[prefix.count..<(prefix.count + Self.idLength)], as: UTF8.self)
    }

    /// Its length, its beginning and its id.
    static func hasForm(_ text: [UInt8], prefix: [UInt8]) -> Bool {
        let end = prefix.count + idLength
        return text.count == end + 1 + secretText && text.starts(with: prefix) && text[end] == UInt8(ascii: "_")
            && text[prefix.count..<end].allSatisfy { idAlphabet.contains($0) }
    }

    static func isID(_ text: String) -> Bool {
        text.utf8.count == idLength && text.utf8.allSatisfy { idAlphabet.contains($0) }
    }

    /// The whole text, to be shown once.
    static func text(_ prefix: [UInt8], _ id: String, _ secret: borrowing Secret) -> SharedSecret {
        SharedSecret(secret.base64URL(after: "\(String(decoding: prefix, as: UTF8.self))\(id)_"))
    }
}
