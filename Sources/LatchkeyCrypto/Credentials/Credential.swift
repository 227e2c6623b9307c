/// What a stored key is, once opened: the secret, and everything that decides where it goes.
///
/// Destination, fields and expiry are used from here and from nowhere else. A person who can write the database can
/// change the columns of the same meaning, but not this.
public struct Credential: ~Copyable, Sendable {
    /// How the provider takes the secret.
    public enum Kind: String, Sendable {
        /// A key that a person was given.
        case apiKey = "api_key"
        /// An access token, renewed by what `fields` holds.
        case oauth
    }

    /// Where the secret may be sent.
    public let baseURL: String
    /// Unix seconds, or nil for never.
    public let expiresAt: Int64?
    /// Further parts that the provider asks for, such as an organisation or a region.
    public let fields: [String: String]
    /// How the provider takes the secret.
    public let kind: Kind
    /// What is kept: UTF-8 without control characters, which `encode` and `decode` check.
    public let secret: Secret

    /// A credential from its parts. They are checked when it is encoded.
    public init(baseURL: String, expiresAt: Int64?, fields: [String: String], kind: Kind, secret: consuming Secret) {
        self.baseURL = baseURL
        self.expiresAt = expiresAt
        self.fields = fields
        self.kind = kind
        self.secret = secret
    }

    /// The last four characters, for a person to tell keys apart by.
    ///
    /// Nil for secrets of fewer than 20 bytes, of which four would be too large a part, and unless all four are visible
    /// ASCII.
    public var keyHint: String? {
        guard secret.count >= 20 else { return nil }
        return secret.withUnsafeBytes { bytes in
            let last = bytes.suffix(4)
            guard last.allSatisfy({ $0 > 0x20 && $0 < 0x7f }) else { return nil }
            return String(decoding: last, as: UTF8.self)
        }
    }
}

/// The measures of a payload.
enum Payload {
    /// The longest payload, padding included, in bytes.
    static let maximumByteCount = 8192
    /// Payloads are padded with spaces to a multiple of this, so that a length tells little.
    static let paddingUnit = 256
    static let version: Int64 = 1
}
