import LatchkeyCore
import LatchkeyCrypto
import LatchkeyTesting
import Testing

/// The token's text.
struct AccessTokenTests {
    @Test func `a new token is read back, and no two are alike`() throws {
        var seen: Set<String> = []
        for _ in 0..<500 {
            let token = AccessToken()
            let text = Array(token.text().text.utf8)
            #expect(text.count == AccessToken.textLength)
            #expect(AccessToken.isID(token.id))
            guard let read = AccessToken(text) else {
                Issue.record("a token does not read back")
                continue
            }
            #expect(read.id == token.id)
            let isSame = read.secret.constantTimeEquals(token.secret)
            #expect(isSame)
            #expect(seen.insert(token.id).inserted)
            let secret = token.secret.text
            #expect(seen.insert(secret).inserted)
        }
    }

    @Test func `no other spelling of a token is one`() {
        let text = Array(AccessToken().text().text.utf8)
        var others: [[UInt8]] = [[], text + [0x3D], text + [0x0A], [0x20] + text, Array(text.dropLast()), text + text]
        for index in text.indices {
            for byte in [UInt8(0), 0x20, 0x2B, 0x2F, 0x3D, 0x5F, 0x7F, 0x80, 0xFF, text[index] ^ 0x20] {
                var other = text
                other[index] = byte
                // Another letter of the id or of the secret makes another token, which is as it should be.
                let isLetter = index >= 3 && index != 19 && index < 62
                if other != text, !isLetter || [0, 0x20, 0x2B, 0x2F, 0x3D, 0x7F, 0x80, 0xFF].contains(byte) {
                    others.append(other)
                }
            }
        }
        for other in others where AccessToken(other) != nil { Issue.record("\(other) was taken for a token") }
    }

    /// 43 characters hold 258 bits: the last two have to be zero.
    @Test func `unused bits of the secret are zero`() {
        let text = Array("lk_aaaaaaaaaaaaaaaa_".utf8) + [UInt8](repeating: UInt8(ascii: "A"), count: 42)
        let accepted = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".utf8)
            .filter { AccessToken(text + [$0]) != nil }
        #expect(String(decoding: accepted, as: UTF8.self) == "AEIMQUYcgkosw048")
    }
}
