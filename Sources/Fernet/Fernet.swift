/// Fernet tokens: AES-128-CBC, authenticated by HMAC-SHA-256, written as padded base64url.
///
/// The format is the Fernet specification, version 0x80 (github.com/fernet/spec):
/// ```
/// token = base64url( 0x80 ‖ time, 8 bytes big-endian ‖ IV, 16 bytes ‖ ciphertext ‖ HMAC of all before, 32 bytes )
/// ```
/// Reading is stricter than most libraries: one spelling of the base64 only. Tokens that other libraries write are
/// spelled that way, so nothing is lost.
public enum Fernet {
    /// The length of a key, in bytes: 16 to sign, then 16 to encrypt.
    public static let keyByteCount = 32

    /// The longest plaintext that `seal` takes, in bytes. Far above any use; it keeps the sums below from overflowing.
    public static let maximumPlaintextByteCount = 1 << 30

    static let version: UInt8 = 0x80
    static let headerByteCount = 1 + 8 + AESCBC.blockByteCount

    /// Seals `plaintext` into a token.
    ///
    /// - Parameters:
    ///   - plaintext: at most `maximumPlaintextByteCount` bytes, may be empty.
    ///   - key: 32 bytes; the first 16 sign, the last 16 encrypt.
    ///   - time: Unix seconds, kept readable in the token.
    ///   - iv: 16 bytes, from a CSPRNG, never used before with this key.
    /// - Returns: the token as ASCII bytes, base64url with padding.
    /// - Throws: ``FernetError`` if a length is wrong.
    public static func seal(
        _ plaintext: UnsafeRawBufferPointer, key: UnsafeRawBufferPointer, time: UInt64, iv: [UInt8]
    ) throws(FernetError) -> [UInt8] {
        guard key.count == keyByteCount, iv.count == AESCBC.blockByteCount,
            plaintext.count <= maximumPlaintextByteCount
        else { throw FernetError() }
        let signed = headerByteCount + AESCBC.encryptedCount(plaintext.count)
        let count = signed + HMACSHA256.byteCount
        let token: [UInt8]? = withUnsafeTemporaryAllocation(byteCount: count, alignment: 16) { raw in
            // On success this buffer holds the token and nothing secret; on failure it may still hold plaintext.
            defer { SecureMemory.wipe(raw) }
            raw[0] = version
            withUnsafeBytes(of: time.bigEndian) { raw[part: 1, 8].copyMemory(from: $0) }
            iv.withUnsafeBytes { raw[part: 9, AESCBC.blockByteCount].copyMemory(from: $0) }
            let body = raw[part: headerByteCount, signed - headerByteCount]
            body.copyMemory(from: plaintext)
            do {
                try iv.withUnsafeBytes {
                    try AESCBC.encrypt(
                        body, count: plaintext.count, key: UnsafeRawBufferPointer(rebasing: key[16...]), iv: $0)
                }
            } catch {
                return nil
            }
            HMACSHA256.authenticate(
                UnsafeRawBufferPointer(raw[part: 0, signed]), key: UnsafeRawBufferPointer(rebasing: key[..<16]),
                into: raw[part: signed, HMACSHA256.byteCount])
            return Base64URL.encode(UnsafeRawBufferPointer(raw), padded: true)
        }
        guard let token else { throw FernetError() }
        return token
    }
}

extension UnsafeMutableRawBufferPointer {
    /// `count` bytes from `start`, as a buffer that counts from zero.
    subscript(part start: Int, count: Int) -> UnsafeMutableRawBufferPointer {
        UnsafeMutableRawBufferPointer(rebasing: self[start..<start + count])
    }
}
