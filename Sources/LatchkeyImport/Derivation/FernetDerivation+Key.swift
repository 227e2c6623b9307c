import Crypto
import CryptoExtras
import Fernet
package import LatchkeyCrypto

package import class LatchkeyCrypto.SharedSecret

extension FernetDerivation {
    /// The 32 bytes of the Fernet key. Programs are asked elsewhere (`DerivationProgram`).
    ///
    /// - Returns: nil when this secret makes no key this way: `raw` with something that is none.
    package func key(secret: borrowing Secret, user: [UInt8]) -> SharedSecret? {
        secret.withUnsafeBytes { secret in
            switch recipe {
            case .raw: FernetKeyText.decode(secret)
            case .hash(let input): Self.hash(input, secret, user)
            case .pbkdf2(let salt, let iterations): Self.pbkdf2(secret, salt.bytes(user: user), iterations)
            case .hkdf(let salt, let info):
                Self.hkdf(secret, salt: salt.bytes(user: user), info: info.bytes(user: user))
            case .padded:
                SharedSecret(
                    Secret(count: 32) { key in
                        for index in key.indices {
                            key[index] = index < secret.count ? secret[index] : UInt8(ascii: "0")
                        }
                    })
            case .program: nil
            }
        }
    }

    private static func hash(_ input: HashInput, _ secret: UnsafeRawBufferPointer, _ user: [UInt8]) -> SharedSecret {
        var hash = SHA256()
        switch input {
        case .secret: hash.update(bufferPointer: secret)
        case .secretThenUser(let separator):
            hash.update(bufferPointer: secret)
            hash.update(data: Array(separator.utf8) + user)
        case .userThenSecret(let separator):
            hash.update(data: user + Array(separator.utf8))
            hash.update(bufferPointer: secret)
        }
        var digest = hash.finalize()
        return withUnsafeMutableBytes(of: &digest) { bytes in
            defer { SecureMemory.wipe(bytes) }
            return SharedSecret(Secret(copying: UnsafeRawBufferPointer(bytes)))
        }
    }

    private static func pbkdf2(_ secret: UnsafeRawBufferPointer, _ salt: [UInt8], _ iterations: Int) -> SharedSecret? {
        // "Unsafe" because a new system should not use so few: these are the numbers that the old one used.
        let key = try? KDF.Insecure.PBKDF2.deriveKey(
            from: secret, salt: salt, using: .sha256, outputByteCount: 32, unsafeUncheckedRounds: iterations)
        return key?.withUnsafeBytes { SharedSecret(Secret(copying: $0)) }
    }

    private static func hkdf(_ secret: UnsafeRawBufferPointer, salt: [UInt8], info: [UInt8]) -> SharedSecret {
        let key = HKDF<SHA256>.deriveKey(
            inputKeyMaterial: SymmetricKey(data: secret), salt: salt, info: info, outputByteCount: 32)
        return key.withUnsafeBytes { SharedSecret(Secret(copying: $0)) }
    }
}

/// The text of a Fernet key: 32 bytes in 44 characters of base64.
enum FernetKeyText {
    /// As Python's `cryptography` reads it, which takes either alphabet and does not look at the two unused bits: keys
    /// typed by hand often have them set.
    static func decode(_ text: UnsafeRawBufferPointer) -> SharedSecret? {
        let text = text.trimmingBlanks
        guard text.count == 44, text[43] == UInt8(ascii: "=") else { return nil }
        return withUnsafeTemporaryAllocation(byteCount: 44, alignment: 16) { canonical in
            defer { SecureMemory.wipe(canonical) }
            for index in canonical.indices { canonical[index] = urlSafe(text[index]) }
            guard let last = alphabet.firstIndex(of: canonical[42]) else { return nil }
            canonical[42] = alphabet[last & ~3]
            var isValid = false
            let key = Secret(count: 32) { output in
                isValid = Base64URL.decode(UnsafeRawBufferPointer(canonical), padded: true, into: output)
            }
            return isValid ? SharedSecret(key) : nil
        }
    }

    private static func urlSafe(_ byte: UInt8) -> UInt8 {
        switch byte {
        case UInt8(ascii: "+"): UInt8(ascii: "-")
        case UInt8(ascii: "/"): UInt8(ascii: "_")
        default: byte
        }
    }

    private static let alphabet = [UInt8]("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".utf8)
}
