import Crypto
import CryptoExtras
import Fernet
package import LatchkeyCore
package import LatchkeyCrypto

package import class LatchkeyCrypto.SharedSecret

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// Opens what LibreChat seals under `CREDS_KEY`: three forms, none of them authenticated.
///
/// ```
/// v1: hex( AES-256-CBC(key, CREDS_IV) )            the same IV for every value
/// v2: hex(iv) ":" hex( AES-256-CBC(key, iv) )
/// v3: "v3:" hex(iv) ":" hex( AES-256-CTR(key, iv) )
/// ```
/// Without a MAC a wrong key shows only by what comes out: wrong padding, or bytes that are no text.
package struct LibreChatCipher: Sendable {
    private let key: SharedSecret
    private let iv: [UInt8]?

    /// - Parameters:
    ///   - key: the text of `CREDS_KEY`, 64 hexadecimal digits.
    ///   - iv: the text of `CREDS_IV`, 32 hexadecimal digits; only v1 needs it.
    /// - Throws: `configuration`.
    package init(key: borrowing Secret, iv: SharedSecret?) throws(LatchkeyError) {
        guard let bytes = HexText.secret(key), bytes.secret.count == 32 else {
            throw LatchkeyError(
                .configuration, "CREDS_KEY is not 64 hexadecimal digits", hint: "take it from LibreChat's .env")
        }
        self.key = bytes
        let vector = iv.map { HexText.secret($0.secret)?.secret.withUnsafeBytes { [UInt8]($0) } }
        if let vector, vector?.count != 16 {
            throw LatchkeyError(
                .configuration, "CREDS_IV is not 32 hexadecimal digits", hint: "take it from LibreChat's .env")
        }
        self.iv = vector ?? nil
    }

    /// - Throws: `ImportRefusal`.
    package func open(_ value: [UInt8]) throws(ImportRefusal) -> SharedSecret {
        let parts = value.split(separator: UInt8(ascii: ":"), omittingEmptySubsequences: false).map { Array($0) }
        switch parts.count {
        case 1:
            guard let iv else { throw .wouldNotOpen("it is of LibreChat's first form, which needs CREDS_IV") }
            return try decrypt(parts[0], iv: iv, isCounter: false)
        case 2: return try decrypt(parts[1], iv: HexText.bytes(parts[0]), isCounter: false)
        case 3 where parts[0] == Array("v3".utf8):
            return try decrypt(parts[2], iv: HexText.bytes(parts[1]), isCounter: true)
        default: throw .wouldNotOpen("it is of no form that LibreChat writes")
        }
    }

    private func decrypt(
        _ text: [UInt8], iv: [UInt8]?, isCounter: Bool
    ) throws(ImportRefusal) -> SharedSecret {
        guard let ciphertext = HexText.bytes(text), let iv, iv.count == 16, !ciphertext.isEmpty else {
            throw .wouldNotOpen("it is not the hexadecimal text that LibreChat writes")
        }
        var plaintext: Data
        do {
            let key = key.secret.withUnsafeBytes { SymmetricKey(data: $0) }
            plaintext =
                try isCounter
                ? AES._CTR.decrypt(ciphertext, using: key, nonce: AES._CTR.Nonce(nonceBytes: iv))
                : AES._CBC.decrypt(ciphertext, using: key, iv: AES._CBC.IV(ivBytes: iv))
        } catch {
            throw .wouldNotOpen("CREDS_KEY does not open it")
        }
        defer { plaintext.withUnsafeMutableBytes { SecureMemory.wipe($0) } }
        let opened = plaintext.withUnsafeBytes { SharedSecret(Secret(copying: $0)) }
        guard opened.isText else { throw .wouldNotOpen("CREDS_KEY does not open it") }
        return opened
    }
}

extension SharedSecret {
    /// Whether it is UTF-8 without control characters but those of pretty-printed JSON.
    fileprivate var isText: Bool {
        secret.withUnsafeBytes { bytes in
            bytes.allSatisfy { $0 >= 0x20 && $0 != 0x7f || $0 == 0x09 || $0 == 0x0a || $0 == 0x0d }
                && String(validating: bytes, as: UTF8.self) != nil
        }
    }
}

/// Hexadecimal digits of either case.
enum HexText {
    /// - Returns: nil when it is not an even number of digits.
    static func bytes(_ text: [UInt8]) -> [UInt8]? {
        guard text.count % 2 == 0 else { return nil }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(text.count / 2)
        for index in stride(from: 0, to: text.count, by: 2) {
            guard let high = value(text[index]), let low = value(text[index + 1]) else { return nil }
            bytes.append(high << 4 | low)
        }
        return bytes
    }

    static func secret(_ text: borrowing Secret) -> SharedSecret? {
        text.withUnsafeBytes { digits in
            guard digits.count % 2 == 0 else { return nil }
            var isHex = true
            let bytes = Secret(count: digits.count / 2) { output in
                for index in output.indices {
                    guard let high = value(digits[2 * index]), let low = value(digits[2 * index + 1]) else {
                        isHex = false
                        return
                    }
                    output[index] = high << 4 | low
                }
            }
            return isHex ? SharedSecret(bytes) : nil
        }
    }

    private static func value(_ digit: UInt8) -> UInt8? {
        switch digit {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): digit - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): digit - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): digit - UInt8(ascii: "A") + 10
        default: nil
        }
    }
}
