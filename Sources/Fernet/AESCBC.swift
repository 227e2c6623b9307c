import Crypto
import CryptoExtras

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// AES-128-CBC with PKCS #7 padding (NIST SP 800-38A section 6.2, RFC 5652 section 6.3), leaving no plaintext behind.
///
/// Confidentiality only: the caller authenticates.
enum AESCBC {
    /// The AES block, and the initialisation vector, in bytes.
    static let blockByteCount = 16

    /// The length of the ciphertext of `count` bytes: padding adds 1 to 16.
    static func encryptedCount(_ count: Int) -> Int {
        (count / blockByteCount + 1) * blockByteCount
    }

    /// Encrypts in place: `buffer` begins with `count` bytes of plaintext and is `encryptedCount(count)` long.
    ///
    /// The mode is spelled out over the library's block function because `AES._CBC.encrypt` first copies the plaintext
    /// into buffers it does not wipe. Here each block of plaintext is overwritten by its ciphertext.
    static func encrypt(
        _ buffer: UnsafeMutableRawBufferPointer, count: Int, key: UnsafeRawBufferPointer, iv: UnsafeRawBufferPointer
    ) throws(FernetError) {
        guard iv.count == blockByteCount, key.count == 16, count <= buffer.count,
            buffer.count == encryptedCount(count)
        else { throw FernetError() }
        let padding = UInt8(truncatingIfNeeded: buffer.count - count)
        for index in count..<buffer.count { buffer[index] = padding }
        let schedule = SymmetricKey(data: key)
        var previous = iv
        for start in stride(from: 0, to: buffer.count, by: blockByteCount) {
            let block = UnsafeMutableRawBufferPointer(rebasing: buffer[start..<start + blockByteCount])
            for index in 0..<blockByteCount { block[index] ^= previous[index] }
            var bytes = block.bindMemory(to: UInt8.self)
            do { try AES.permute(&bytes, key: schedule) } catch { throw FernetError() }
            previous = UnsafeRawBufferPointer(block)
        }
    }

    /// Decrypts, lends the plaintext without its padding to `body`, and wipes it.
    ///
    /// Call only with an authenticated ciphertext: a caller who could tell wrong padding from a wrong MAC would have a
    /// padding oracle.
    static func decrypt<R: ~Copyable>(
        _ ciphertext: UnsafeRawBufferPointer, key: UnsafeRawBufferPointer, iv: UnsafeRawBufferPointer,
        _ body: (UnsafeRawBufferPointer) throws -> R
    ) throws -> R {
        var plaintext: Data
        do {
            plaintext = try AES._CBC.decrypt(
                ciphertext, using: SymmetricKey(data: key), iv: AES._CBC.IV(ivBytes: iv))
        } catch {
            throw FernetError()
        }
        // The library hands over the only reference, so this is its own buffer and not a copy made for writing.
        defer { plaintext.withUnsafeMutableBytes { SecureMemory.wipe($0) } }
        // `Data` lends its bytes only to closures with a copyable result, hence the optional.
        var result: R?
        try plaintext.withUnsafeBytes { result = try body($0) }
        guard let result = consume result else { throw FernetError() }
        return result
    }
}
