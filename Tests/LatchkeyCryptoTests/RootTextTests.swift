import LatchkeyCrypto
import Testing

struct RootTextTests {
    private static let good = "lkroot1:7:pYEUz5kLHD7mMLzYzgDZFTQ7JLg0tPEnEyJQ3Qm8V5o"

    private func parse(_ text: String) -> Result<SoftwareRootKey, CryptoError> {
        parse([UInt8](text.utf8))
    }

    private func parse(_ text: [UInt8]) -> Result<SoftwareRootKey, CryptoError> {
        text.withUnsafeBytes { text in Result { () throws(CryptoError) in try RootText.parse(text) } }
    }

    private func parseList(_ text: String) -> Result<[SoftwareRootKey], CryptoError> {
        [UInt8](text.utf8).withUnsafeBytes { text in Result { () throws(CryptoError) in try RootText.parseList(text) } }
    }

    private func refusal<Value>(_ result: Result<Value, CryptoError>) -> CryptoError? {
        if case .failure(let error) = result { error } else { nil }
    }

    private func text(_ kid: UInt32, _ key: [UInt8]) -> String {
        String(decoding: RootText.text(kid: kid, key: Secret(copying: key)).bytes, as: UTF8.self)
    }

    @Test(arguments: [UInt32(1), 9, 10, 4_294_967_295])
    func `a generated root is read back`(kid: UInt32) async throws {
        let text = RootText.generate(kid: kid)
        let root = try parse(text.bytes).get()
        #expect(root.kid == kid)
        #expect(
            String(decoding: text.bytes, as: UTF8.self).wholeMatch(of: /lkroot1:\d+:[A-Za-z0-9_-]{43}:[0-9a-f]{8}/)
                != nil)
        #expect(text.bytes != RootText.generate(kid: kid).bytes)
    }

    /// A change of any one character is found: by the form, by the check, or because the kid is part of the check.
    @Test func `a root with any one character changed is refused`() {
        let text = RootText.generate(kid: 12).bytes
        for index in text.indices {
            for byte in UInt8.min...UInt8.max where byte != text[index] {
                var changed = text
                changed[index] = byte
                let error = refusal(parse(changed))
                #expect(error?.code == .rootMalformed, "character \(index) became \(byte)")
            }
        }
    }

    @Test func `a root that is cut or lengthened is refused`() {
        let text = RootText.generate(kid: 12).bytes
        for count in 0..<text.count { #expect(refusal(parse([UInt8](text.prefix(count))))?.code == .rootMalformed) }
        for tail in [" ", "\n", ":", "0", ","] {
            #expect(refusal(parse(text + [UInt8](tail.utf8)))?.code == .rootMalformed)
        }
    }

    @Test(arguments: [
        ("", "the root is empty"),
        ("correct horse battery staple", "looks like a passphrase"),
        ("hunter2", "looks like a passphrase"),
        ("a5f1c3e7092b4d68a5f1c3e7092b4d6811223344556677889900aabbccddeeff", "bare hexadecimal"),
        ("A5F1C3E7092B4D68A5F1C3E7092B4D6811223344556677889900AABBCCDDEEFF", "bare hexadecimal"),
        ("a5f1c3e7092b4d68", "bare hexadecimal of 16 digits"),
        ("pYEUz5kLHD7mMLzYzgDZFTQ7JLg0tPEnEyJQ3Qm8V5o=", "bare base64"),
        ("pYEUz5kLHD7mMLzYzgDZFTQ7JLg0tPEnEyJQ3Qm8V5o", "bare base64"),
        ("pYEUz5kLHD7mMLzYzgDZFTQ7JLg0tPEnEyJQ3Qm/V+o=", "bare base64"),
        ("lkroot2:1:AAAA:00000000", "of a form that is not known"),
        ("lkroot1", "has 1 parts"),
        ("lkroot1x:", "lacks a colon"),
        (" lkroot1:1:AAAA:00000000", "white space"),
        ("\(good)", "has 3 parts"),
        ("\(good):00000000:", "has 5 parts"),
        ("\(good):00000000", "check of root 7 does not match"),
        ("lkroot1::AAAA:00000000", "not a decimal number"),
        ("lkroot1:+1:AAAA:00000000", "not a decimal number"),
        ("lkroot1:-1:AAAA:00000000", "not a decimal number"),
        ("lkroot1:1 :AAAA:00000000", "not a decimal number"),
        ("lkroot1:\u{661}:AAAA:00000000", "not a decimal number"),
        ("lkroot1:0:AAAA:00000000", "kid is 0"),
        ("lkroot1:01:AAAA:00000000", "begins with 0"),
        ("lkroot1:4294967296:AAAA:00000000", "too large"),
        ("lkroot1:99999999999999999999999999:AAAA:00000000", "too large"),
        ("lkroot1:1:AAAA:00000000", "has 4 characters, 43"),
        ("lkroot1:1:pYEUz5kLHD7mMLzYzgDZFTQ7JLg0tPEnEyJQ3Qm8V5o=:00000000", "has 44 characters, 43"),
        ("lkroot1:1:pYEUz5kLHD7mMLzYzgDZFTQ7JLg0tPEnEyJQ3Qm8V5p:00000000", "not base64url"),
        ("lkroot1:1:pYEUz5kLHD7mMLzYzgDZFTQ7JLg0tPEnEyJQ3Qm/V5o:00000000", "not base64url"),
    ])
    func `each malformed root is refused with its own sentence`(text: String, sentence: String) throws {
        let error = try #require(refusal(parse(text)))
        #expect(error.code == .rootMalformed)
        #expect(error.reason.contains(sentence), "\(error.reason)")
        // Nothing of the text but a number is repeated: it may be a passphrase, or a root with a typing error.
        for word in text.split(whereSeparator: { ": ".contains($0) }) where word.count > 6 && word != "lkroot1" {
            #expect(!error.reason.contains(word))
        }
    }

    private static let patterns: [(key: [UInt8], sentence: String)] = [
        ([UInt8](repeating: 0, count: 32), "one byte repeated"),
        ([UInt8](repeating: 0xff, count: 32), "one byte repeated"),
        ([UInt8](1...32), "arithmetic sequence"),
        ((UInt8(0)..<32).map { 200 &- 7 &* $0 }, "arithmetic sequence"),
        ((0..<32).map { UInt8(truncatingIfNeeded: $0 * $0 * $0 % 15) }, "distinct bytes"),
        ([UInt8]("correct horse battery staple!!!!".utf8), "distinct bytes"),
    ]

    @Test(arguments: patterns)
    func `a key with a pattern is refused`(key: [UInt8], sentence: String) throws {
        let error = try #require(refusal(parse(text(3, key))))
        #expect(error.code == .rootWeak)
        #expect(error.reason.contains(sentence), "\(error.reason)")
        #expect(error.reason.contains("root 3"))
    }

    @Test func `16 distinct bytes are enough, 15 are not`() throws {
        func key(_ distinct: Int) -> [UInt8] { (0..<32).map { UInt8(truncatingIfNeeded: $0 % distinct * 31 % 251) } }
        #expect(refusal(parse(text(3, key(15))))?.code == .rootWeak)
        #expect(try parse(text(3, key(16))).get().kid == 3)
    }

    @Test(arguments: [
        [UInt8](0..<32),
        [UInt8](32..<64),
        hex("eec7a6855bc2689cae3c0cf20cced9c796526c686940a47c8bb119abfb667a43"),
        hex("730ff4c7af3d46923e8ed451ee813c87f790b0a226bc96a92de49b5e9c05e1ee"),
        hex("077709362c2e32df0ddc3f0dc47bba6390b6c73bb50f9c3122ec844ad7c2b3e5"),
        [UInt8]("12345678901234567890123456789012".utf8),
        [UInt8](0x80...0x9f),
        hex("603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4"),
    ])
    func `a published key is refused as published, in every form`(key: [UInt8]) {
        let hexadecimal = key.map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined()
        let whole = text(5, key)
        let base64 = String(whole.split(separator: ":")[2])
        for form in [whole, hexadecimal, base64, base64 + "="] {
            #expect(refusal(parse(form))?.code == .rootPublished, "\(form)")
        }
    }

    @Test func `the example roots of the record format are refused as published`() throws {
        for root in try DerivationVectors.load().roots.values {
            #expect(refusal(parse(root.text))?.code == .rootPublished)
        }
        #expect(refusal(parse("cw_0x689RpI-jtRR7oE8h_eQsKImvJapLeSbXpwF4e4="))?.code == .rootPublished)
    }

    @Test func `a list keeps its order and may be surrounded by white space`() throws {
        let texts = [5, 2, 9].map { String(decoding: RootText.generate(kid: $0).bytes, as: UTF8.self) }
        let roots = try parseList(" \t\r\n" + texts.joined(separator: ",") + "\n\n ").get()
        #expect(roots.map(\.kid) == [5, 2, 9])
        #expect(try parseList(texts[0] + "\n").get().map(\.kid) == [5])
    }

    @Test func `a list with something wrong says which root it is`() throws {
        let one = String(decoding: RootText.generate(kid: 1).bytes, as: UTF8.self)
        let two = String(decoding: RootText.generate(kid: 2).bytes, as: UTF8.self)
        for (list, number) in [
            (one + ",", "2 of 2"), ("," + one, "1 of 2"), (one + ", " + two, "2 of 2"), (one + ",hunter2", "2 of 2"),
            (one + "," + two.dropLast(), "2 of 2"),
        ] {
            let error = try #require(refusal(parseList(list)))
            #expect(error.code == .rootMalformed)
            #expect(error.reason.contains("root text \(number)"), "\(error.reason)")
        }
        #expect(refusal(parseList(" \n"))?.reason.contains("is empty") == true)
    }

    @Test func `a kid or a key given twice is refused`() throws {
        let key = Secret.random(count: 32).bytes
        let twins = try #require(refusal(parseList("\(text(1, key)),\(text(2, key))")))
        #expect(twins.code == .rootDuplicate)
        #expect(twins.reason.contains("roots 1 and 2 have one key"))
        let numbers = try #require(refusal(parseList("\(text(4, key)),\(text(4, Secret.random(count: 32).bytes))")))
        #expect(numbers.code == .rootDuplicate)
        #expect(numbers.reason.contains("root 4 is given twice"))
    }

    @Test func `a software root has 32 bytes and a kid`() throws {
        for count in [0, 16, 31, 33, 64] {
            #expect(throws: CryptoError.self) {
                _ = try SoftwareRootKey(kid: 1, key: Secret.random(count: count))
            }
        }
        #expect(throws: CryptoError.self) { _ = try SoftwareRootKey(kid: 0, key: Secret.random(count: 32)) }
    }
}
