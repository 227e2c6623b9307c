import Fernet
import LatchkeyCore
package import LatchkeyCrypto

extension SharedSecret {
    /// Whether this can be an API key at all (`KeyFormat`).
    ///
    /// - Throws: `invalid_key_format`, `masked_key`; the key is in neither text.
    func checkForm() throws(LatchkeyError) {
        var bytes = secret.withUnsafeBytes { [UInt8]($0) }
        defer { SecureMemory.wipe(&bytes) }
        try KeyFormat.check(bytes)
    }

    /// The same without ASCII blanks, tabs and line ends around it.
    package var trimmed: SharedSecret {
        secret.withUnsafeBytes { bytes in SharedSecret(Secret(copying: bytes.trimmingBlanks)) }
    }

    /// As text, where it is UTF-8. For what turns out not to be secret: the text is not wiped.
    var text: String? {
        secret.withUnsafeBytes { String(validating: $0, as: UTF8.self) }
    }
}

extension UnsafeRawBufferPointer {
    var trimmingBlanks: UnsafeRawBufferPointer {
        var start = 0
        var end = count
        while start < end, Self.isBlank(self[start]) { start += 1 }
        while end > start, Self.isBlank(self[end - 1]) { end -= 1 }
        return UnsafeRawBufferPointer(rebasing: self[start..<end])
    }

    private static func isBlank(_ byte: UInt8) -> Bool {
        byte == 0x20 || byte == 0x09 || byte == 0x0a || byte == 0x0d
    }
}
