/// A root held in the memory of the process.
public final class SoftwareRootKey: RootKey {
    /// The number of the root, 1 or more.
    public let kid: UInt32
    private let key: Secret

    /// A root from its 32 bytes.
    ///
    /// Only the length and the number are checked here; ``RootText`` is what judges a root that a person configured.
    ///
    /// - Throws: ``CryptoError`` with code `root_malformed`.
    public init(kid: UInt32, key: consuming Secret) throws(CryptoError) {
        guard kid >= 1 else {
            throw CryptoError(.rootMalformed, "the root's kid is 0, the smallest is 1")
        }
        guard key.count == KeyDerivation.keyByteCount else {
            throw CryptoError(
                .rootMalformed, "root \(kid) has \(key.count) bytes, \(KeyDerivation.keyByteCount) are expected")
        }
        self.kid = kid
        self.key = key
    }

    /// `D(root, context)`, computed at once; it never throws.
    public func derive(_ context: DerivationContext) async throws -> SharedSecret {
        KeyDerivation.derive(context.bytes, key: key)
    }

    /// Whether both hold the same key, whatever their numbers.
    func hasSameKey(as other: SoftwareRootKey) -> Bool {
        key.constantTimeEquals(other.key)
    }
}
