/// A sealed record, as a row of the database holds it. Nothing in it is secret and nothing in it is trusted.
public struct SealedRecord: Sendable, Equatable {
    /// The number of the root it was sealed under.
    public var kid: UInt32
    /// The format: 1 is Fernet under a derived key.
    public var suite: UInt8
    /// Higher with each write of the row.
    public var rowVersion: UInt64
    /// 32 random bytes, fresh with each write.
    public var salt: [UInt8]
    /// The Fernet token, as ASCII bytes.
    public var token: [UInt8]

    /// A record as it was read. Nothing is checked before it is opened.
    public init(kid: UInt32, suite: UInt8, rowVersion: UInt64, salt: [UInt8], token: [UInt8]) {
        self.kid = kid
        self.suite = suite
        self.rowVersion = rowVersion
        self.salt = salt
        self.token = token
    }
}

/// The formats a record can have.
enum Suite {
    /// Fernet under a key derived for this one record. 2 is reserved for AES-256-GCM.
    static let fernet: UInt8 = 1
    static let newest = fernet
}
