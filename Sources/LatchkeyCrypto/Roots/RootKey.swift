/// A root: the one key that every other key comes from, in memory or inside an HSM.
///
/// It can do a single thing, derive, so that it is never used for anything else and never has to leave its device.
public protocol RootKey: Sendable {
    /// The number of the root, 1 or more. It is part of every derivation and of every row.
    var kid: UInt32 { get }

    /// `D(root, context) = HMAC-SHA256(root, CTX ‖ 0x01)`: 32 bytes.
    ///
    /// - Throws: what the device throws. A root in memory does not.
    func derive(_ context: DerivationContext) async throws -> SharedSecret
}

extension RootKey {
    /// The first 8 bytes of `D(root, "key-check", BE32(kid))`. Not secret: it tells whether two places hold the same
    /// root, and nothing else about it.
    public func checkValue() async throws -> [UInt8] {
        let derived = try await derive(DerivationContext("key-check", [kid.bigEndianBytes]))
        return derived.secret.withUnsafeBytes { [UInt8]($0.prefix(checkValueByteCount)) }
    }
}

/// The length of a check value, in bytes.
let checkValueByteCount = 8
