import Fernet

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
func hmac(_ message: [UInt8], key: [UInt8]) -> [UInt8] {
    var output = [UInt8](repeating: 0, count: HMACSHA256.byteCount)
    output.withUnsafeMutableBytes { output in
        key.withUnsafeBytes { key in
            message.withUnsafeBytes { HMACSHA256.authenticate($0, key: key, into: output) }
        }
    }
    return output
}

extension Fernet {
    static func seal(_ plaintext: [UInt8], key: [UInt8], time: UInt64, iv: [UInt8]) throws -> [UInt8] {
        try plaintext.withUnsafeBytes { plaintext in
            try key.withUnsafeBytes { try seal(plaintext, key: $0, time: time, iv: iv) }
        }
    }

    static func open(_ token: [UInt8], key: [UInt8], ttl: TTL? = nil) throws -> [UInt8] {
        try token.withUnsafeBytes { token in
            try key.withUnsafeBytes { try open(token, key: $0, ttl: ttl) { [UInt8]($0) } }
        }
    }

    /// A token with a right MAC around anything.
    static func authenticated(_ signed: [UInt8], key: [UInt8]) -> [UInt8] {
        Base64URL.encode(signed + hmac(signed, key: [UInt8](key.prefix(16))), padded: true)
    }
}
