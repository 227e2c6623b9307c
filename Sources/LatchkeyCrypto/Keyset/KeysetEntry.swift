import Fernet

/// One row of the keyset table: which root a database was sealed under, and what that root is for now.
///
/// The row carries the root's check value, so that a wrong root is found before anything is written, and a MAC under the
/// root, so that a person who can write the database cannot make another root primary.
public struct KeysetEntry: Sendable, Equatable {
    /// What a root is used for.
    public enum State: String, Sendable {
        /// Opens records, seals none.
        case decrypt
        /// Seals new records.
        case primary
        /// No record is left under it.
        case retired
    }

    /// What became of comparing a row with a configured root.
    public enum Verification: Sendable, Equatable {
        case ok
        /// The row was made under another root of that number. Both check values, in hex; neither is secret.
        case wrongRoot(database: String, configured: String)
        /// The root is the right one and the row was not made, or was changed, by someone without it.
        case forged
    }

    /// The number of the root.
    public var kid: UInt32
    /// What the root is used for.
    public var state: State
    /// 8 bytes; see ``RootKey/checkValue()``.
    public var checkValue: [UInt8]
    /// RFC 3339, as written.
    public var createdAt: String
    /// 32 bytes: `HMAC-SHA256(D(root, "keyset-mac", BE32(kid)), CTX("keyset-row", BE32(kid), state, checkValue,
    /// createdAt))`.
    public var mac: [UInt8]

    /// A row as it was read, unverified.
    public init(kid: UInt32, state: State, checkValue: [UInt8], createdAt: String, mac: [UInt8]) {
        self.kid = kid
        self.state = state
        self.checkValue = checkValue
        self.createdAt = createdAt
        self.mac = mac
    }

    /// A row for `root`, with its check value and MAC.
    ///
    /// - Throws: what the root throws.
    public static func make(root: any RootKey, state: State, createdAt: String) async throws -> KeysetEntry {
        var entry = KeysetEntry(
            kid: root.kid, state: state, checkValue: try await root.checkValue(), createdAt: createdAt, mac: [])
        entry.mac = try await entry.expectedMAC(root)
        return entry
    }

    /// Compares the row with the configured root of the same number.
    ///
    /// - Throws: ``CryptoError`` with code `keyset` if the numbers differ; what the root throws.
    public func verify(root: any RootKey) async throws -> Verification {
        guard root.kid == kid else {
            throw CryptoError(.keyset, "the keyset row is for root \(kid), it was compared with root \(root.kid)")
        }
        // The check value first: under a wrong root the MAC cannot match either, and "forged" would send the operator
        // looking for an attacker when a file was mixed up.
        let configured = try await root.checkValue()
        guard configured == checkValue else {
            return .wrongRoot(database: Hex.text(checkValue), configured: Hex.text(configured))
        }
        let expected = try await expectedMAC(root)
        let matches = expected.withUnsafeBytes { expected in
            mac.withUnsafeBytes { SecureMemory.constantTimeEquals(expected, $0) }
        }
        return matches ? .ok : .forged
    }

    private func expectedMAC(_ root: any RootKey) async throws -> [UInt8] {
        let key = try await root.derive(DerivationContext("keyset-mac", [kid.bigEndianBytes]))
        let row = DerivationContext(
            "keyset-row", [kid.bigEndianBytes, [UInt8](state.rawValue.utf8), checkValue, [UInt8](createdAt.utf8)])
        return key.secret.withUnsafeBytes { key in
            var code = HMACSHA256(key: key)
            code.update(row.bytes)
            return [UInt8](unsafeUninitializedCapacity: HMACSHA256.byteCount) { buffer, initialized in
                code.finalize(into: UnsafeMutableRawBufferPointer(buffer))
                initialized = HMACSHA256.byteCount
            }
        }
    }
}
