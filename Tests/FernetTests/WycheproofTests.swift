import Fernet
import Foundation
import Testing

/// Project Wycheproof, read from outside the repository.
@Suite(.enabled(if: Vectors.hasWycheproof, "skipped: ../shared/vectors/wycheproof is absent, so 476 cases are not run"))
struct WycheproofTests {
    private struct CBC: Decodable {
        let tcId: Int
        let key: String
        let iv: String
        let msg: String
        let ct: String
        let result: String
    }

    /// Each case of a 128-bit key becomes a token with a right MAC, so that only the cipher and its padding can refuse.
    @Test func `aes_cbc_pkcs5: the valid ones open and the invalid ones do not`() throws {
        let cases = try Vectors.load(
            WycheproofFile<CBC>.self, Vectors.wycheproof.appendingPathComponent("aes_cbc_pkcs5_test.json"), count: 216)
        let expressible = cases.filter { $0.key.count == 32 }
        #expect(expressible.count == 72)
        let signing = [UInt8](repeating: 0x5a, count: 16)
        for test in expressible {
            let key = signing + hex(test.key)
            let header: [UInt8] = [0x80] + [UInt8](repeating: 0, count: 8) + hex(test.iv)
            let token = Fernet.authenticated(header + hex(test.ct), key: key)
            if test.result == "valid" {
                #expect(try Fernet.open(token, key: key) == hex(test.msg), "case \(test.tcId)")
                #expect(try Fernet.seal(hex(test.msg), key: key, time: 0, iv: hex(test.iv)) == token)
            } else {
                #expect(throws: FernetError(), "case \(test.tcId)") { try Fernet.open(token, key: key) }
            }
        }
    }

    private struct MAC: Decodable {
        let tcId: Int
        let key: String
        let msg: String
        let tag: String
        let result: String
    }

    @Test func `hmac_sha256: the valid tags match and the invalid ones do not`() throws {
        let cases = try Vectors.load(
            WycheproofFile<MAC>.self, Vectors.wycheproof.appendingPathComponent("hmac_sha256_test.json"), count: 174)
        for test in cases {
            let tag = hex(test.tag)
            let code = hmac(hex(test.msg), key: hex(test.key)).prefix(tag.count)
            #expect(([UInt8](code) == tag) == (test.result == "valid"), "case \(test.tcId)")
        }
    }

    private struct KDF: Decodable {
        let tcId: Int
        let ikm: String
        let salt: String
        let info: String
        let size: Int
        let okm: String
        let result: String
    }

    @Test func `hkdf_sha256: every output is the expected one`() throws {
        let cases = try Vectors.load(
            WycheproofFile<KDF>.self, Vectors.wycheproof.appendingPathComponent("hkdf_sha256_test.json"), count: 86)
        for test in cases {
            let key = HKDF.extract(salt: hex(test.salt), keyMaterial: hex(test.ikm))
            let output = HKDF.expand(key, info: hex(test.info), count: test.size)
            #expect(output == (test.result == "valid" ? hex(test.okm) : nil), "case \(test.tcId)")
        }
    }
}
