import Fernet
import LatchkeyCore

/// Where the next page of a list begins: the last row's names, as one word for a query.
enum AdminCursor {
    static func text(_ user: UserID) -> String { encode(user.bytes) }

    static func text(_ key: UserAPIKey) -> String {
        encode(Array("\(key.owner.column)\u{1F}\(key.provider.text)\u{1F}\(key.name.text)".utf8))
    }

    /// - Throws: `invalid_request`.
    static func user(_ text: String) throws(LatchkeyError) -> UserID {
        guard let bytes = decode(text), let user = try? UserID(bytes) else { throw unusable }
        return user
    }

    /// - Throws: `invalid_request`.
    static func key(_ text: String) throws(LatchkeyError) -> KeyReference {
        // A character that none of the three can hold.
        let parts = decode(text)?.split(separator: 0x1F, omittingEmptySubsequences: false) ?? []
        guard parts.count == 3, let user = try? UserID(parts[0]),
            let provider = ProviderID(String(decoding: parts[1], as: UTF8.self)),
            let name = try? KeyName(String(decoding: parts[2], as: UTF8.self))
        else { throw unusable }
        return KeyReference(.user(user), provider, name)
    }

    private static func encode(_ bytes: [UInt8]) -> String {
        String(decoding: bytes.withUnsafeBytes { Base64URL.encode($0, padded: false) }, as: UTF8.self)
    }

    private static func decode(_ text: String) -> [UInt8]? {
        guard text.utf8.count <= 1024 else { return nil }
        return Base64URL.decode(Array(text.utf8), padded: false)
    }

    private static let unusable = LatchkeyError(.invalidRequest, "after is not what the page before had as next")
}
