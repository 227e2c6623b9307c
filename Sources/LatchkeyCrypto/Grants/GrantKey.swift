import Fernet

/// The key under which an owner's grants are kept: `D(ownerKey, "grant", BE32(kid))`.
///
/// It makes row MACs over what a grant lets somebody do, and keyed hashes of the secrets that are shown for them. Whoever
/// can write the database and has no root can make neither.
public struct GrantKey: Sendable {
    /// The number of the root it comes from.
    public let kid: UInt32
    private let key: SharedSecret

    public init(_ ownerKey: OwnerKey) {
        kid = ownerKey.kid
        key = ownerKey.derive("grant", [ownerKey.kid.bigEndianBytes])
    }

    /// `HMAC-SHA256(grant key, context)`, 32 bytes.
    public func mac(_ context: DerivationContext) -> [UInt8] {
        key.secret.withUnsafeBytes { key in
            var code = HMACSHA256(key: key)
            code.update(context.bytes)
            return Self.finish(code)
        }
    }

    /// Whether `mac` is that of `context`. The time depends on the lengths only.
    public func verifies(_ mac: [UInt8], of context: DerivationContext) -> Bool {
        Self.constantTimeEquals(mac, self.mac(context))
    }

    /// What is kept of a secret that is shown: `HMAC-SHA256(grant key, CTX(label, id, secret))`, 32 bytes.
    ///
    /// - Parameters:
    ///   - label: the use, such as `access-token-secret`.
    ///   - id: what the secret belongs to.
    public func hash(_ label: String, id: String, secret: borrowing Secret) -> [UInt8] {
        var context = ContextWriter(label: label, fields: 2)
        context.append(id)
        // The secret is the last field, so it can go to the MAC from its own memory and never into an array.
        context.appendLength(secret.count)
        return key.secret.withUnsafeBytes { key in
            var code = HMACSHA256(key: key)
            code.update(context.bytes)
            secret.withUnsafeBytes { code.update($0) }
            return Self.finish(code)
        }
    }

    /// Whether both hold the same bytes. The time depends on the lengths only.
    public static func constantTimeEquals(_ left: [UInt8], _ right: [UInt8]) -> Bool {
        left.withUnsafeBytes { left in right.withUnsafeBytes { SecureMemory.constantTimeEquals(left, $0) } }
    }

    private static func finish(_ code: consuming HMACSHA256) -> [UInt8] {
        let code = code
        return [UInt8](unsafeUninitializedCapacity: HMACSHA256.byteCount) { buffer, initialized in
            code.finalize(into: UnsafeMutableRawBufferPointer(buffer))
            initialized = HMACSHA256.byteCount
        }
    }
}
