/// The system's CSPRNG, written straight into memory.
enum SystemRandom {
    /// Fills `bytes` from `SystemRandomNumberGenerator` (`getrandom` on Linux), which cannot fail and is never seeded.
    static func fill(_ bytes: UnsafeMutableRawBufferPointer) {
        var generator = SystemRandomNumberGenerator()
        var offset = 0
        while offset < bytes.count {
            let word = generator.next()
            withUnsafeBytes(of: word) { source in
                for byte in source.prefix(bytes.count - offset) {
                    bytes[offset] = byte
                    offset += 1
                }
            }
        }
    }

    /// `count` random bytes that are not secret (a salt, an IV).
    static func bytes(_ count: Int) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
            fill(UnsafeMutableRawBufferPointer(buffer))
            initialized = count
        }
    }
}
