import Crypto
import Fernet
import Foundation
import Testing

struct HMACSHA256Tests {
    /// RFC 4231 sections 4.2 to 4.8. In 4.6 only the first 16 bytes are given.
    @Test(arguments: [
        (
            hex("0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b"), [UInt8]("Hi There".utf8),
            "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"
        ),
        (
            [UInt8]("Jefe".utf8), [UInt8]("what do ya want for nothing?".utf8),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
        ),
        (
            [UInt8](repeating: 0xaa, count: 20), [UInt8](repeating: 0xdd, count: 50),
            "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"
        ),
        (
            [UInt8](1...25), [UInt8](repeating: 0xcd, count: 50),
            "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b"
        ),
        (
            [UInt8](repeating: 0x0c, count: 20), [UInt8]("Test With Truncation".utf8),
            "a3b6167473100ee06e0c796c2955552b"
        ),
        (
            [UInt8](repeating: 0xaa, count: 131),
            [UInt8]("Test Using Larger Than Block-Size Key - Hash Key First".utf8),
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"
        ),
        (
            [UInt8](repeating: 0xaa, count: 131),
            [UInt8](
                ("This is a test using a larger than block-size key and a larger than block-size data. "
                    + "The key needs to be hashed before being used by the HMAC algorithm.").utf8),
            "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2"
        ),
    ])
    func `the cases of RFC 4231 hold`(key: [UInt8], message: [UInt8], code: String) {
        let expected = hex(code)
        #expect([UInt8](hmac(message, key: key).prefix(expected.count)) == expected)
    }

    @Test func `it agrees with the library for every length of key and message`() {
        var random = SeededGenerator(seed: 5)
        for length in 0...200 {
            let key = random.bytes(length)
            let message = random.bytes(Int.random(in: 0...300, using: &random))
            let expected = HMAC<SHA256>.authenticationCode(for: message, using: SymmetricKey(data: key))
            #expect(hmac(message, key: key) == [UInt8](expected), "key of \(length) bytes")
        }
    }

    @Test func `a message in parts has the code of the whole`() {
        let key = [UInt8](0..<32)
        let message = [UInt8](0..<200)
        for split in message.indices {
            var output = [UInt8](repeating: 0, count: 32)
            var code = key.withUnsafeBytes { HMACSHA256(key: $0) }
            code.update([UInt8](message[..<split]))
            code.update([UInt8](message[split...]))
            output.withUnsafeMutableBytes { code.finalize(into: $0) }
            #expect(output == hmac(message, key: key))
        }
    }
}

struct SecureMemoryTests {
    @Test func `wiping leaves zeros`() {
        var bytes = [UInt8](1...100)
        SecureMemory.wipe(&bytes)
        #expect(bytes == [UInt8](repeating: 0, count: 100))
    }

    @Test func `buffers are equal if lengths and every byte are`() {
        func equal(_ left: [UInt8], _ right: [UInt8]) -> Bool {
            left.withUnsafeBytes { left in right.withUnsafeBytes { SecureMemory.constantTimeEquals(left, $0) } }
        }
        let bytes = [UInt8](0..<32)
        #expect(equal(bytes, bytes))
        #expect(equal([], []))
        #expect(!equal(bytes, [UInt8](bytes.dropLast())))
        for bit in 0..<256 {
            var other = bytes
            other[bit / 8] ^= 1 << (bit % 8)
            #expect(!equal(bytes, other))
        }
    }
}
