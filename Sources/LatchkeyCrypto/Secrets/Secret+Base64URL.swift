import Fernet

extension Secret {
    /// The bytes that a base64url text without padding stands for, decoded straight into memory that is wiped.
    ///
    /// - Returns: nil if the text is not the one canonical spelling of `count` bytes.
    public static func decode(base64URL text: ArraySlice<UInt8>, count: Int) -> Secret? {
        guard text.withUnsafeBytes({ Base64URL.decodedCount($0, padded: false) }) == count else { return nil }
        var isCanonical = false
        let secret = Secret(count: count) { output in
            isCanonical = text.withUnsafeBytes { Base64URL.decode($0, padded: false, into: output) }
        }
        guard isCanonical else { return nil }
        return secret
    }

    /// `head`, then the bytes as base64url without padding, written straight into memory that is wiped.
    public borrowing func base64URL(after head: String) -> Secret {
        let head = [UInt8](head.utf8)
        return withUnsafeBytes { bytes in
            Secret(count: head.count + Base64URL.encodedCount(bytes.count, padded: false)) { output in
                head.withUnsafeBytes { output.copyMemory(from: $0) }
                Base64URL.encode(
                    bytes, padded: false, into: UnsafeMutableRawBufferPointer(rebasing: output[head.count...]))
            }
        }
    }
}
