import Crypto
import LatchkeyCrypto
import Testing

// Apart from the other derivation tests because Crypto has a `CryptoError` of its own.
struct KeyDerivationTests {
    /// The library's HKDF-Expand is the judge of the one-block shortcut.
    @Test func `D is HKDF-Expand cut to one block`() async throws {
        var random = SeededGenerator(seed: 11)
        for _ in 0..<50 {
            let key = random.bytes(32)
            let fields = (0..<Int.random(in: 0...6, using: &random)).map { _ in
                random.bytes(Int.random(in: 0...90, using: &random))
            }
            let context = DerivationContext("test", fields)
            let derived = try await SoftwareRootKey(kid: 1, key: Secret(copying: key)).derive(context)
            let expected = HKDF<SHA256>.expand(
                pseudoRandomKey: SymmetricKey(data: key), info: context.bytes, outputByteCount: 32)
            #expect(derived.bytes == expected.withUnsafeBytes { [UInt8]($0) })
        }
    }
}
