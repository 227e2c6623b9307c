import Fernet
import Testing

/// HKDF (RFC 5869) put together from the module's HMAC. The record format uses its expand step, so its published answers
/// judge that HMAC too.
enum HKDF {
    static func extract(salt: [UInt8], keyMaterial: [UInt8]) -> [UInt8] {
        hmac(keyMaterial, key: salt.isEmpty ? [UInt8](repeating: 0, count: 32) : salt)
    }

    /// Nil above 255 blocks, as section 2.3 limits it.
    static func expand(_ key: [UInt8], info: [UInt8], count: Int) -> [UInt8]? {
        guard count <= 255 * 32 else { return nil }
        var output: [UInt8] = []
        var block: [UInt8] = []
        var counter: UInt8 = 0
        while output.count < count {
            counter += 1
            block = hmac(block + info + [counter], key: key)
            output += block
        }
        return [UInt8](output.prefix(count))
    }
}

struct HKDFTests {
    struct Example: Sendable {
        let keyMaterial: [UInt8]
        let salt: [UInt8]
        let info: [UInt8]
        let extracted: String
        let output: String
    }

    /// RFC 5869 appendices A.1 to A.3.
    @Test(arguments: [
        Example(
            keyMaterial: [UInt8](repeating: 0x0b, count: 22), salt: [UInt8](0...0x0c), info: [UInt8](0xf0...0xf9),
            extracted: "077709362c2e32df0ddc3f0dc47bba6390b6c73bb50f9c3122ec844ad7c2b3e5",
            output: "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865"),
        Example(
            keyMaterial: [UInt8](0...0x4f), salt: [UInt8](0x60...0xaf), info: [UInt8](0xb0...0xff),
            extracted: "06a6b88c5853361a06104c9ceb35b45cef760014904671014a193f40c15fc244",
            output: "b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c59045a99cac7827271cb41c65e590e09"
                + "da3275600c2f09b8367793a9aca3db71cc30c58179ec3e87c14c01d5c1f3434f1d87"),
        Example(
            keyMaterial: [UInt8](repeating: 0x0b, count: 22), salt: [], info: [],
            extracted: "19ef24a32c717b167f33a91d6f648bdf96596776afdb6377ac434c1c293ccb04",
            output: "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8"),
    ])
    func `the cases of RFC 5869 hold`(example: Example) {
        let key = HKDF.extract(salt: example.salt, keyMaterial: example.keyMaterial)
        #expect(key == hex(example.extracted))
        let output = hex(example.output)
        #expect(HKDF.expand(key, info: example.info, count: output.count) == output)
    }
}
