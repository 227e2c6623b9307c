import Foundation
import LatchkeyCrypto
import Testing

struct CredentialTests {
    private func credential(
        _ secret: String, baseURL: String = "https://api.openai.com", expiresAt: Int64? = nil,
        fields: [String: String] = [:], kind: Credential.Kind = .apiKey
    ) -> Credential {
        Credential(baseURL: baseURL, expiresAt: expiresAt, fields: fields, kind: kind, secret: Secret(secret))
    }

    private func text(_ payload: borrowing Secret) -> String {
        String(decoding: payload.bytes, as: UTF8.self)
    }

    private func code(_ body: () throws(CryptoError) -> Void) -> CryptoError.Code? {
        do throws(CryptoError) {
            try body()
            return nil
        } catch {
            return error.code
        }
    }

    private func isRefused(_ payload: String) -> Bool {
        code { () throws(CryptoError) in _ = try Credential.decode(Secret(payload)) } == .payloadInvalid
    }

    @Test func `a payload has sorted names, no spaces inside and spaces up to 256 bytes`() throws {
        let payload = try credential("s", expiresAt: -5, fields: ["z": "1", "a": "2", "é": "3"], kind: .oauth).encode()
        #expect(payload.count == 256)
        let json = text(payload)
        let expected =
            #"{"base_url":"https://api.openai.com","expires_at":-5,"fields":{"a":"2","z":"1","é":"3"},"#
            + #""kind":"oauth","secret":"s","v":1}"#
        #expect(json.hasPrefix(expected))
        #expect(json.dropFirst(expected.count).allSatisfy { $0 == " " })
    }

    @Test func `a credential comes back as it went in`() throws {
        var random = SeededGenerator(seed: 41)
        let alphabet = Array(
            "aZ09-_/\\\"'\u{e9}e\u{301}\u{1f98a}\u{ffff}\u{a0} {}[],:\u{0}\u{1f}\n\t\r\u{8}\u{c}\u{7f}")
        func word(_ count: Int, visible: Bool) -> String {
            let letters = visible ? alphabet.prefix(20) : alphabet[...]
            return String((0..<count).map { _ in letters.randomElement(using: &random) ?? "x" })
        }
        for round in 0..<300 {
            let secret = word(Int.random(in: 0...60, using: &random), visible: true)
            let url = word(20, visible: false)
            var fields: [String: String] = [:]
            for _ in 0..<Int.random(in: 0...5, using: &random) {
                fields[word(6, visible: false)] = word(9, visible: false)
            }
            let expiry = [nil, 0, .min, .max, Int64.random(in: .min ... .max, using: &random)][round % 5]
            let kind = [Credential.Kind.apiKey, .oauth][round % 2]
            let payload = try credential(secret, baseURL: url, expiresAt: expiry, fields: fields, kind: kind).encode()
            #expect(payload.count % 256 == 0)
            let decoded = try Credential.decode(payload)
            #expect([UInt8](decoded.baseURL.utf8) == [UInt8](url.utf8))
            #expect(decoded.expiresAt == expiry)
            #expect(decoded.fields == fields)
            #expect(decoded.kind == kind)
            #expect(decoded.secret.bytes == [UInt8](secret.utf8))
            // Another reader sees the same.
            let object = try #require(JSONSerialization.jsonObject(with: Data(payload.bytes)) as? [String: Any])
            #expect(object["secret"] as? String == secret)
            #expect(object["base_url"] as? String == url)
            #expect(object["fields"] as? [String: String] == fields)
        }
    }

    @Test func `8192 bytes are the most`() throws {
        let overhead = try text(credential("").encode()).trimmingCharacters(in: .whitespaces).utf8.count
        let full = try credential(String(repeating: "k", count: 8192 - overhead)).encode()
        #expect(full.count == 8192)
        #expect(try Credential.decode(full).secret.count == 8192 - overhead)
        let long = credential(String(repeating: "k", count: 8193 - overhead))
        #expect(code { () throws(CryptoError) in _ = try long.encode() } == .payloadTooLarge)
        // An escape counts as the two bytes that it takes.
        let quotes = credential(String(repeating: "\"", count: (8192 - overhead) / 2 + 1))
        #expect(code { () throws(CryptoError) in _ = try quotes.encode() } == .payloadTooLarge)
        let fitting = try credential(String(repeating: "\\", count: (8192 - overhead) / 2)).encode()
        #expect(try Credential.decode(fitting).secret.count == (8192 - overhead) / 2)
        let wide = credential("s", fields: ["a": String(repeating: "\n", count: 4096)])
        #expect(code { () throws(CryptoError) in _ = try wide.encode() } == .payloadTooLarge)
        #expect(isRefused(text(full) + " "))
    }

    @Test func `a length that is a multiple of 256 is not padded further`() throws {
        let overhead = try text(credential("").encode()).trimmingCharacters(in: .whitespaces).utf8.count
        for (count, padded) in [(255, 256), (256, 256), (257, 512), (512, 512), (513, 768)] {
            #expect(try credential(String(repeating: "k", count: count - overhead)).encode().count == padded)
        }
    }

    @Test(arguments: ["a\nb", "a\r\nX-Admin: 1", "\u{0}", "\u{1f}", "\u{7f}", "\u{80}", "\u{9f}", "tab\t"])
    func `a secret with a control character is not stored and not read`(secret: String) throws {
        #expect(code { () throws(CryptoError) in _ = try credential(secret).encode() } == .payloadInvalid)
        let escaped = secret.unicodeScalars.map { "\\u" + String(format: "%04x", $0.value) }.joined()
        let payload = #"{"base_url":"","expires_at":null,"fields":{},"kind":"api_key","secret":"\#(escaped)","v":1}"#
        #expect(isRefused(payload))
    }

    @Test(
        arguments: [[0xff], [0xc0, 0x80], [0xed, 0xa0, 0x80], [0x61, 0xe2, 0x82], [0xf4, 0x90, 0x80, 0x80]] as [[UInt8]]
    )
    func `a secret that is not UTF-8 is not stored`(secret: [UInt8]) {
        let credential = Credential(
            baseURL: "", expiresAt: nil, fields: [:], kind: .apiKey, secret: Secret(copying: secret))
        #expect(code { () throws(CryptoError) in _ = try credential.encode() } == .payloadInvalid)
    }

    /// Each member in turn is left out, given twice, or replaced.
    @Test func `a payload has exactly its six members, each once and of its type`() throws {
        let members = [
            #""base_url":"https://x""#, #""expires_at":null"#, #""fields":{}"#, #""kind":"api_key""#, #""secret":"s""#,
            #""v":1"#,
        ]
        func object(_ members: [String]) -> String { "{" + members.joined(separator: ",") + "}" }
        #expect(try Credential.decode(Secret(object(members))).secret.bytes == [UInt8]("s".utf8))
        // The order is the writer's promise, not something that the reader leans on.
        #expect(!isRefused(object(members.reversed())))
        for index in members.indices {
            var less = members
            less.remove(at: index)
            #expect(isRefused(object(less)))
            #expect(isRefused(object(members + [members[index]])))
            let name = members[index].split(separator: ":")[0]
            for value in ["true", "[]", "1.0", "2", #""\ud800""#, "null", "{}", #""other""#] {
                var other = members
                other[index] = "\(name):\(value)"
                let mayHold =
                    switch index {
                    case 0, 4: value == #""other""#
                    case 1: value == "2" || value == "null"
                    case 2: value == "{}"
                    default: false
                    }
                #expect(isRefused(object(other)) == !mayHold, "\(other[index])")
            }
        }
        #expect(isRefused(object(members + [#""extra":1"#])))
        #expect(isRefused(object(members + [#""\u0076":1"#])), "the same name in another spelling")
    }

    @Test(arguments: [
        "", " ", "null", "[]", "{}", "x", "{", "\u{feff}{}", #"{"v":1}"#,
        #"{"base_url":"","expires_at":1e3,"fields":{},"kind":"api_key","secret":"s","v":1}"#,
        #"{"base_url":"","expires_at":9223372036854775808,"fields":{},"kind":"api_key","secret":"s","v":1}"#,
        #"{"base_url":"","expires_at":null,"fields":{"a":"1","a":"2"},"kind":"api_key","secret":"s","v":1}"#,
        #"{"base_url":"","expires_at":null,"fields":{"a":{}},"kind":"api_key","secret":"s","v":1}"#,
        #"{"base_url":"","expires_at":null,"fields":{},"kind":"API_KEY","secret":"s","v":1}"#,
        #" {"base_url":"","expires_at":null,"fields":{},"kind":"api_key","secret":"s","v":1}"#,
        #"{"base_url":"","expires_at":null,"fields":{},"kind":"api_key","secret":"s","v":1}x"#,
        #"{"base_url":"","expires_at":null,"fields":{},"kind":"api_key","secret":"s","v":1} {}"#,
        "{\"base_url\":\"\",\"expires_at\":null,\"fields\":{},\"kind\":\"api_key\",\"secret\":\"s\",\"v\":1}\n",
        #"{"base_url":"","expires_at":null,"fields":{},"kind":"api_key","secret":"s","v":1,}"#,
        #"{"base_url":"","expires_at":null,"fields":{},"kind":"api_key","secret":"s","v":01}"#,
        #"{"base_url":"","expires_at":null,"fields":{},"kind":"api_key","secret":"s","v":2}"#,
    ])
    func `anything else is refused`(payload: String) {
        #expect(isRefused(payload))
    }

    @Test func `two field names that are one string are refused`() {
        let (composed, decomposed) = ("caf\u{e9}", "cafe\u{301}")
        let fields = #"{"\#(composed)":"1","\#(decomposed)":"2"}"#
        #expect(isRefused(#"{"base_url":"","expires_at":null,"fields":\#(fields),"kind":"oauth","secret":"s","v":1}"#))
    }

    @Test func `no refusal quotes the payload`() throws {
        let canary = "canary-7f3a9c"
        for payload in [
            #"{"base_url":"","expires_at":null,"fields":{},"kind":"api_key","secret":"\#(canary)","v":7}"#,
            #"{"\#(canary)":1}"#, #"{"kind":"\#(canary)"}"#, #"{"secret":"\#(canary)\n"}"#, #"{"secret":"\#(canary)"#,
        ] {
            let error = #expect(throws: CryptoError.self) { _ = try Credential.decode(Secret(payload)) }
            #expect(error?.description.contains(canary) == false)
            #expect(error?.reason.isEmpty == false)
        }
    }

    @Test(arguments: [
        ("sk-0123456789abcdef9", "def9"), ("sk-0123456789abcdef", nil), ("", nil), ("0123456789abcdef 123", nil),
        ("0123456789abcdef0é12", nil), ("0123456789abcdefé1234", "1234"), ("0123456789abcdef0~!\"", "0~!\""),
    ])
    func `the hint is the last four visible ASCII characters of a long secret`(secret: String, hint: String?) {
        #expect(credential(secret).keyHint == hint)
    }
}
