import Crypto
import Fernet

/// The text form of a root, the only one accepted:
/// ```
/// lkroot1:<kid>:<key, 43 characters of base64url>:<check, 8 lower-case hexadecimal digits>
/// check = first 4 bytes of SHA-256("latchkey root v1" ‖ BE32(kid) ‖ key)
/// ```
/// The check finds a typing error before anything is sealed under a key that nobody has written down. The form says what
/// the text is, so that neither a passphrase nor a key made for another use is taken for a root.
public enum RootText {
    /// Reads one root.
    ///
    /// - Throws: ``CryptoError`` with code `root_malformed`, `root_published` or `root_weak`, and one sentence that says
    ///   what is wrong and what to do. It quotes nothing from the text but the kid.
    public static func parse(_ text: UnsafeRawBufferPointer) throws(CryptoError) -> SoftwareRootKey {
        let parts = text.split(separator: UInt8(ascii: ":"), omittingEmptySubsequences: false)
        guard let form = parts.first, form.elementsEqual(prefix.utf8) else {
            throw UnacceptedRoot.error(for: text)
        }
        guard parts.count == 4 else {
            throw malformed("the root has \(parts.count) parts between colons, \(grammar) has 4")
        }
        let kid = try parseKid(parts[1])
        let key = try parseKey(UnsafeRawBufferPointer(rebasing: parts[2]), kid: kid)
        let expected = check(kid: kid, key: key)
        guard
            expected.withUnsafeBytes({ expected in
                SecureMemory.constantTimeEquals(expected, UnsafeRawBufferPointer(rebasing: parts[3]))
            })
        else {
            throw malformed(
                "the check of root \(kid) does not match its key, the text was changed or cut; copy it again")
        }
        try RootStrength.check(key, kid: kid)
        return try SoftwareRootKey(kid: kid, key: key)
    }

    /// Makes a new root from the system's CSPRNG and returns its text, which `parse` accepts for a kid of 1 or more.
    public static func generate(kid: UInt32) -> Secret {
        text(kid: kid, key: Secret.random(count: KeyDerivation.keyByteCount))
    }

    /// The text of a root, written straight into memory that is wiped.
    package static func text(kid: UInt32, key: borrowing Secret) -> Secret {
        let head = [UInt8]("\(prefix):\(kid):".utf8)
        let check = check(kid: kid, key: key)
        let keyCount = Base64URL.encodedCount(key.count, padded: false)
        return Secret(count: head.count + keyCount + 1 + check.count) { output in
            head.withUnsafeBytes { output.copyMemory(from: $0) }
            let rest = UnsafeMutableRawBufferPointer(rebasing: output[head.count...])
            key.withUnsafeBytes { Base64URL.encode($0, padded: false, into: rest) }
            rest[keyCount] = UInt8(ascii: ":")
            for (index, byte) in check.enumerated() { rest[keyCount + 1 + index] = byte }
        }
    }

    static let prefix = "lkroot1"
    static let grammar = "\(prefix):<kid>:<key>:<check>"
    /// 32 bytes in base64url without padding.
    private static let keyCharacterCount = 43

    private static func parseKid(_ text: Slice<UnsafeRawBufferPointer>) throws(CryptoError) -> UInt32 {
        guard !text.isEmpty, text.allSatisfy({ $0 >= UInt8(ascii: "0") && $0 <= UInt8(ascii: "9") }) else {
            throw malformed("the root's kid is not a decimal number, 1 to \(UInt32.max) is expected")
        }
        guard text.first != UInt8(ascii: "0") else {
            throw malformed(
                "the root's kid is 0 or begins with 0, 1 to \(UInt32.max) without leading zeros is expected")
        }
        guard let kid = UInt32(String(decoding: text, as: UTF8.self)) else {
            throw malformed("the root's kid is too large, \(UInt32.max) is the most")
        }
        return kid
    }

    private static func parseKey(_ text: UnsafeRawBufferPointer, kid: UInt32) throws(CryptoError) -> Secret {
        guard text.count == keyCharacterCount else {
            throw malformed(
                "the key of root \(kid) has \(text.count) characters, \(keyCharacterCount) of base64url are expected")
        }
        var canonical = false
        let key = Secret(count: KeyDerivation.keyByteCount) {
            canonical = Base64URL.decode(text, padded: false, into: $0)
        }
        guard canonical else {
            throw malformed("the key of root \(kid) is not base64url (A–Z a–z 0–9 - _, no padding, unused bits zero)")
        }
        return key
    }

    private static func check(kid: UInt32, key: borrowing Secret) -> [UInt8] {
        var hash = SHA256()
        ([UInt8]("latchkey root v1".utf8) + kid.bigEndianBytes).withUnsafeBytes { hash.update(bufferPointer: $0) }
        key.withUnsafeBytes { hash.update(bufferPointer: $0) }
        return [UInt8](Hex.text(hash.finalize().prefix(4)).utf8)
    }

    static func malformed(_ sentence: String) -> CryptoError {
        CryptoError(.rootMalformed, sentence)
    }
}
