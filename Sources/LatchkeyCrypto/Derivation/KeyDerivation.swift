import Fernet

/// `D(K, context) = HMAC-SHA256(K, CTX ‖ 0x01)`.
///
/// This is HKDF-Expand of RFC 5869 section 2.3 cut to its first block, which is all that 32 bytes need. The extract step
/// is left out because K is already a uniform 32-byte key (section 3.3). Written as a single HMAC it runs inside any
/// HSM.
enum KeyDerivation {
    /// The length of a root, of a derived key and of a salt, in bytes.
    static let keyByteCount = 32

    /// Derives into `output`, 32 bytes of memory that the caller wipes.
    static func derive(
        _ context: [UInt8], key: borrowing Secret, into output: UnsafeMutableRawBufferPointer
    ) {
        key.withUnsafeBytes { key in
            var code = HMACSHA256(key: key)
            code.update(context)
            withUnsafeBytes(of: blockCounter) { code.update($0) }
            code.finalize(into: output)
        }
    }

    /// Derives a key that is kept.
    static func derive(_ context: [UInt8], key: borrowing Secret) -> SharedSecret {
        SharedSecret(Secret(count: keyByteCount) { derive(context, key: key, into: $0) })
    }

    /// HKDF-Expand numbers its blocks from one.
    private static let blockCounter: UInt8 = 0x01
}
