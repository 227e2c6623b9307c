import Fernet
import Foundation
import Testing

struct Base64URLTests {
    /// RFC 4648 section 10, and the two characters in which the alphabets differ.
    @Test(arguments: [
        ("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="), ("fooba", "Zm9vYmE="),
        ("foobar", "Zm9vYmFy"), ("~~~???", "fn5-Pz8_"),
    ])
    func `the published examples hold both ways`(bytes: String, text: String) {
        #expect(Base64URL.encode([UInt8](bytes.utf8), padded: true) == [UInt8](text.utf8))
        #expect(Base64URL.decode([UInt8](text.utf8), padded: true) == [UInt8](bytes.utf8))
        let bare = text.filter { $0 != "=" }
        #expect(Base64URL.encode([UInt8](bytes.utf8), padded: false) == [UInt8](bare.utf8))
        #expect(Base64URL.decode([UInt8](bare.utf8), padded: false) == [UInt8](bytes.utf8))
    }

    @Test func `random bytes come back, and agree with Foundation`() {
        var random = SeededGenerator(seed: 4)
        for length in 0...200 {
            let bytes = random.bytes(length)
            let foundation = Data(bytes).base64EncodedString()
                .replacingOccurrences(of: "+", with: "-").replacingOccurrences(of: "/", with: "_")
            #expect(Base64URL.encode(bytes, padded: true) == [UInt8](foundation.utf8))
            for padded in [true, false] {
                #expect(Base64URL.decode(Base64URL.encode(bytes, padded: padded), padded: padded) == bytes)
            }
        }
    }

    /// Strictness as a property: a text that decodes is the one that encoding its bytes gives. Every text of up to three
    /// symbols is tried, over the whole alphabet, its neighbours and the padding.
    @Test(arguments: [true, false])
    func `a text decodes only if it is the canonical one`(padded: Bool) {
        let symbols = [UInt8]("AQgwBZz09-_=+/ \n\r\t.".utf8) + [0, 0x80, 0xff]
        var decoded = 0
        var texts: [[UInt8]] = [[]]
        for _ in 0..<4 {
            texts = texts.flatMap { text in symbols.map { text + [$0] } }
            for text in texts {
                guard let bytes = Base64URL.decode(text, padded: padded) else { continue }
                decoded += 1
                guard Base64URL.encode(bytes, padded: padded) == text else {
                    Issue.record("\(text) decodes to \(bytes), which is spelled differently")
                    continue
                }
            }
        }
        // Of four symbols 11^4; of three and two those whose unused bits are zero.
        #expect(decoded > 14_641)
    }

    @Test func `unused bits must be zero`() {
        #expect(Base64URL.decode([UInt8]("Zg==".utf8), padded: true) != nil)
        #expect(Base64URL.decode([UInt8]("Zh==".utf8), padded: true) == nil)
        #expect(Base64URL.decode([UInt8]("Zm8=".utf8), padded: true) != nil)
        #expect(Base64URL.decode([UInt8]("Zm9=".utf8), padded: true) == nil)
    }

    @Test(arguments: ["=", "==", "====", "A===", "Zg=", "Zg", "Z=g=", "Zg==Zg==", "Zm9v=", "Zm9v====", "A"])
    func `padding in the wrong place is refused`(text: String) {
        #expect(Base64URL.decode([UInt8](text.utf8), padded: true) == nil)
    }

    @Test(arguments: ["=", "Zg==", "Zm8=", "A", "AAAAA", "Zm9v\n", " Zm9v", "Zm+v", "Zm/v"])
    func `padding, white space and the other alphabet are refused where none belong`(text: String) {
        #expect(Base64URL.decode([UInt8](text.utf8), padded: false) == nil)
    }
}
