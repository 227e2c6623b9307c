/// Refuses keys that no random generator made: those printed somewhere, and those with a plain pattern.
///
/// This finds mistakes, not malice. A random key fails it less often than once in 2^60.
enum RootStrength {
    /// Throws ``CryptoError`` with code `root_published` or `root_weak`.
    static func check(_ key: borrowing Secret, kid: UInt32) throws(CryptoError) {
        // Published first: several test keys are also patterns, and where a key comes from is the better answer.
        guard !PublishedKeys.contains(key) else {
            throw CryptoError(
                .rootPublished,
                "root \(kid) is a key printed in a specification or a test vector, a secret one is expected; \(advice)")
        }
        if let pattern = key.withUnsafeBytes({ pattern(of: $0) }) {
            throw CryptoError(.rootWeak, "root \(kid) \(pattern), 32 random bytes are expected; \(advice)")
        }
    }

    static let advice = "`latchkey secret generate` prints a new root"

    private static func pattern(of key: UnsafeRawBufferPointer) -> String? {
        guard let first = key.first, let second = key.dropFirst().first else { return "has fewer than two bytes" }
        let step = second &- first
        if zip(key, key.dropFirst()).allSatisfy({ $1 &- $0 == step }) {
            return step == 0 ? "is one byte repeated" : "is an arithmetic sequence"
        }
        // 32 random bytes have 30 distinct values on average.
        let distinct = Set(key).count
        return distinct < 16 ? "has only \(distinct) distinct bytes" : nil
    }
}
