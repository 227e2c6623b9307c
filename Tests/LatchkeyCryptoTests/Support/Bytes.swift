import Fernet
import LatchkeyCrypto

/// The bytes of a hexadecimal text.
func hex(_ text: String) -> [UInt8] {
    var bytes: [UInt8] = []
    var rest = Substring(text)
    while rest.count >= 2 {
        bytes.append(UInt8(rest.prefix(2), radix: 16) ?? 0)
        rest = rest.dropFirst(2)
    }
    return bytes
}

/// HMAC-SHA-256 by the module's own implementation.
func hmac(_ message: [UInt8], key: borrowing Secret) -> [UInt8] {
    var output = [UInt8](repeating: 0, count: HMACSHA256.byteCount)
    output.withUnsafeMutableBytes { output in
        key.withUnsafeBytes { key in
            message.withUnsafeBytes { HMACSHA256.authenticate($0, key: key, into: output) }
        }
    }
    return output
}

extension Secret {
    /// The bytes in an array. For tests only, which have nothing to hide.
    var bytes: [UInt8] { withUnsafeBytes { [UInt8]($0) } }

    init(_ text: String) {
        self.init(copying: [UInt8](text.utf8))
    }
}

extension SharedSecret {
    var bytes: [UInt8] { secret.bytes }
}
