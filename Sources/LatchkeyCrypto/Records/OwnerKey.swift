import Fernet
import Synchronization

/// The key of one owner under one root: `D(root, "user", BE32(kid), owner)`, or `D(root, "global", BE32(kid))`.
///
/// Deriving it is the only step that needs the root, so it is what ``RootKeyring`` keeps for a short time. Everything
/// below it is computed here, without waiting.
public final class OwnerKey: Sendable {
    /// The number of the root this key comes from.
    public let kid: UInt32
    /// Whose key it is.
    public let owner: RecordOwner

    private let key: SharedSecret
    /// `D(ownerKey, "blind-index", BE32(kid))`, derived when first asked for: most requests only open.
    private let blindIndex = Mutex<SharedSecret?>(nil)

    init(kid: UInt32, owner: RecordOwner, key: SharedSecret) {
        self.kid = kid
        self.owner = owner
        self.key = key
    }

    /// Derives the key of `owner` from `root`, without a cache.
    ///
    /// - Throws: what the root throws.
    public convenience init(root: any RootKey, owner: RecordOwner) async throws {
        let kid = root.kid
        let context =
            switch owner {
            case .user(let id): DerivationContext("user", [kid.bigEndianBytes, id])
            case .global: DerivationContext("global", [kid.bigEndianBytes])
            }
        self.init(kid: kid, owner: owner, key: try await root.derive(context))
    }

    /// `D(ownerKey, label, fields…)`: a key for a further use, such as the MAC over a grant.
    public func derive(_ label: String, _ fields: [[UInt8]]) -> SharedSecret {
        KeyDerivation.derive(DerivationContext(label, fields).bytes, key: key.secret)
    }

    /// A blind index of a secret: equal secrets of one owner give equal text, equal secrets of two owners do not.
    ///
    /// `HMAC-SHA256(D(ownerKey, "blind-index", BE32(kid)), CTX("key-hash", provider, secret))`.
    ///
    /// - Returns: 64 lower-case hexadecimal digits.
    public func keyHash(provider: String, secret: borrowing Secret) -> String {
        var context = ContextWriter(label: "key-hash", fields: 2)
        context.append(provider)
        // The secret is the last field, so it can go to the MAC from its own memory and never into an array.
        context.appendLength(secret.count)
        return blindIndexKey().secret.withUnsafeBytes { key in
            var code = HMACSHA256(key: key)
            code.update(context.bytes)
            secret.withUnsafeBytes { code.update($0) }
            return withUnsafeTemporaryAllocation(byteCount: HMACSHA256.byteCount, alignment: 16) { output in
                code.finalize(into: output)
                return Hex.text(output)
            }
        }
    }

    private func blindIndexKey() -> SharedSecret {
        blindIndex.withLock { cached in
            if let cached { return cached }
            let derived = derive("blind-index", [kid.bigEndianBytes])
            cached = derived
            return derived
        }
    }

    /// Lends the key of one record to `body`, then wipes it.
    package func withRecordKey<R: ~Copyable>(
        _ context: RecordContext, suite: UInt8, rowVersion: UInt64, salt: [UInt8],
        _ body: (UnsafeRawBufferPointer) throws -> R
    ) rethrows -> R {
        var writer = ContextWriter(label: "record", fields: 7 + context.identity.count)
        writer.append(kid)
        writer.append(context.table)
        switch context.owner {
        case .user(let id): writer.append(id)
        // The empty string cannot be taken for a user with no name: the owner key already tells the two apart.
        case .global: writer.append("")
        }
        for part in context.identity { writer.append(part) }
        writer.append(context.field)
        writer.append(suite)
        writer.append(rowVersion)
        writer.append(salt)
        return try withUnsafeTemporaryAllocation(byteCount: KeyDerivation.keyByteCount, alignment: 16) { recordKey in
            defer { SecureMemory.wipe(recordKey) }
            KeyDerivation.derive(writer.bytes, key: key.secret, into: recordKey)
            return try body(UnsafeRawBufferPointer(recordKey))
        }
    }
}
