import Crypto

/// HMAC-SHA-256 (RFC 2104, FIPS 198-1) over raw memory.
///
/// Crypto's own `HMAC` is not used because its initialiser leaves three heap arrays behind (the key, and the key under
/// each pad) that nobody wipes. A root key goes through here, so the padded key stays on the stack and is wiped, and
/// only SHA-256 itself is the library's, whose hash states erase themselves. Checked with the RFC 4231 and Wycheproof
/// vectors and against Crypto's `HMAC`.
package struct HMACSHA256 {
    /// The length of a full authentication code, in bytes.
    package static let byteCount = 32

    private static let blockByteCount = 64
    private static let innerPad: UInt8 = 0x36
    private static let outerPad: UInt8 = 0x5c

    private var inner = SHA256()
    private var outer = SHA256()

    /// A code under `key`, of any length; one longer than 64 bytes is hashed first, as RFC 2104 section 2 asks.
    package init(key: UnsafeRawBufferPointer) {
        withUnsafeTemporaryAllocation(byteCount: Self.blockByteCount, alignment: 16) { block in
            defer { SecureMemory.wipe(block) }
            for index in block.indices { block[index] = 0 }
            if key.count > Self.blockByteCount {
                var hash = SHA256()
                hash.update(bufferPointer: key)
                Self.copy(hash.finalize(), into: block)
            } else {
                block.copyMemory(from: key)
            }
            for index in block.indices { block[index] ^= Self.innerPad }
            inner.update(bufferPointer: UnsafeRawBufferPointer(block))
            for index in block.indices { block[index] ^= Self.innerPad ^ Self.outerPad }
            outer.update(bufferPointer: UnsafeRawBufferPointer(block))
        }
    }

    /// Adds message bytes.
    package mutating func update(_ bytes: UnsafeRawBufferPointer) {
        inner.update(bufferPointer: bytes)
    }

    /// Adds message bytes.
    package mutating func update(_ bytes: [UInt8]) {
        bytes.withUnsafeBytes { inner.update(bufferPointer: $0) }
    }

    /// Writes the code to `output`: 32 bytes, or as many of the first ones as fit (RFC 2104 section 5).
    package consuming func finalize(into output: UnsafeMutableRawBufferPointer) {
        var innerDigest = inner.finalize()
        withUnsafeMutableBytes(of: &innerDigest) { digest in
            outer.update(bufferPointer: UnsafeRawBufferPointer(digest))
            SecureMemory.wipe(digest)
        }
        Self.copy(outer.finalize(), into: output)
    }

    /// The code of one message under one key.
    package static func authenticate(
        _ message: UnsafeRawBufferPointer, key: UnsafeRawBufferPointer, into output: UnsafeMutableRawBufferPointer
    ) {
        var code = HMACSHA256(key: key)
        code.update(message)
        code.finalize(into: output)
    }

    /// Copies a digest, which may be a derived key, and wipes the copy on the stack.
    private static func copy(_ digest: consuming SHA256.Digest, into output: UnsafeMutableRawBufferPointer) {
        var digest = digest
        withUnsafeMutableBytes(of: &digest) { bytes in
            let count = min(bytes.count, output.count)
            output.copyMemory(from: UnsafeRawBufferPointer(rebasing: bytes[..<count]))
            SecureMemory.wipe(bytes)
        }
    }
}
