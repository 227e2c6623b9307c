import Testing

@testable import LatchkeyServer

/// Tokens whose MAC is right and whose header is not.
struct TokenHeaderTests {
    private func accepts(_ header: String, keyID: String? = nil) async throws -> Bool {
        try await TokenVerifier.hmac(keyID: keyID)
            .accepts(TokenForge.token(header: header, claims: TokenForge.claims("alice")))
    }

    @Test(arguments: [
        #"{"alg":"HS256"}"#, #"{"alg":"HS256","typ":"JWT"}"#, #"{"typ":"jwt","alg":"HS256"}"#,
        #"{"alg":"HS256","typ":"at+jwt"}"#, " {\n \"alg\" : \"HS256\" } ", #"{"\u0061lg":"HS\u0032\u0035\u0036"}"#,
        #"{"alg":"HS256","cty":"json","x":{"y":[1]}}"#,
    ])
    func `a plain header is accepted`(header: String) async throws {
        #expect(try await accepts(header))
    }

    @Test(arguments: ["crit", "jwk", "jku", "x5u", "x5c", "x5t", "x5t#S256", "b64", "zip", "enc"])
    func `a member that chooses a key or changes what is verified is refused, whatever it says`(name: String)
        async throws
    {
        for value in ["null", "true", "false", "[]", "{}", "\"\"", "\"x\"", #"["exp"]"#, "1"] {
            #expect(try await !accepts(#"{"alg":"HS256","\#(name)":\#(value)}"#), "\(value)")
        }
        // Spelled with an escape it is the same member.
        let first = try #require(name.unicodeScalars.first)
        let escaped = "\\u00" + String(first.value, radix: 16) + name.dropFirst()
        #expect(try await !accepts(#"{"alg":"HS256","\#(escaped)":["exp"]}"#))
    }

    @Test(arguments: [
        #"{"alg":"HS256","jwk":{"kty":"oct","k":"AAAA"}}"#, #"{"alg":"HS256","jku":"https://evil.test/keys"}"#,
        #"{"alg":"HS256","x5u":"https://evil.test/cert"}"#, #"{"alg":"HS256","x5c":["MIIB"]}"#,
        #"{"alg":"HS256","b64":false,"crit":["b64"]}"#, #"{"alg":"HS256","crit":["x"],"x":1}"#,
    ])
    func `keys and rules brought along are refused`(header: String) async throws {
        #expect(try await !accepts(header))
    }

    @Test(arguments: [
        "1", "null", "true", "[]", "{}", "\"\"", #""JWS""#, #""JWE""#, #""application/json""#, #""JWT ""#, #"["JWT"]"#,
        #""dpop+jwt""#,
    ])
    func `another type of token is refused`(type: String) async throws {
        #expect(try await !accepts(#"{"alg":"HS256","typ":\#(type)}"#))
    }

    @Test(arguments: [
        "{}", #"{"typ":"JWT"}"#, #"{"alg":null}"#, #"{"alg":256}"#, #"{"alg":["HS256"]}"#, #"{"alg":{"HS256":1}}"#,
        #"{"alg":""}"#, #"{"alg":"hs256"}"#, #"{"alg":"HS256 "}"#, #"{"alg":" HS256"}"#, #"{"alg":"HS256\u0000"}"#,
        #"{"alg":"HS\uff12\uff15\uff16"}"#, #"{"ALG":"HS256"}"#,
    ])
    func `an algorithm that is not there or is spelled otherwise is refused`(header: String) async throws {
        #expect(try await !accepts(header))
    }

    @Test(arguments: [
        #"{"alg":"HS256","alg":"HS256"}"#, #"{"alg":"none","alg":"HS256"}"#, #"{"alg":"HS256","alg":"none"}"#,
        #"{"alg":"HS256","\u0061lg":"HS256"}"#, #"{"alg":"HS256","typ":"JWT","typ":"JWT"}"#,
        #"{"alg":"HS256","x":1,"x":1}"#, #"{"alg":"HS256","x":{"y":1,"y":1}}"#,
    ])
    func `a member that is there twice is refused`(header: String) async throws {
        #expect(try await !accepts(header))
    }

    @Test(arguments: [
        "", " ", "[]", "null", #""HS256""#, "{alg:HS256}", #"{"alg":"HS256"}{}"#, #"{"alg":"HS256"} x"#,
        #"{"alg":"HS256""#, "\u{feff}{\"alg\":\"HS256\"}", #"{"alg":"HS256","x":"\ud800"}"#,
        #"{"alg":"HS256","x":"# + String(repeating: "[", count: 16) + String(repeating: "]", count: 16) + "}",
    ])
    func `a header that is no strict JSON object is refused`(header: String) async throws {
        #expect(try await !accepts(header))
    }

    @Test func `a header that is not UTF-8 is refused`() async throws {
        let header = Array(#"{"alg":"HS256","x":""#.utf8) + [0xff] + Array(#""}"#.utf8)
        let signed = TokenForge.base64URL(header) + "." + TokenForge.base64URL(Array(TokenForge.claims("alice").utf8))
        #expect(try await !TokenVerifier.hmac().accepts(TokenForge.sign(signed)))
    }

    // The key id

    @Test func `a secret without a key id verifies only tokens without one`() async throws {
        #expect(try await accepts(#"{"alg":"HS256"}"#))
        for kid in ["main", "", "0"] { #expect(try await !accepts(#"{"alg":"HS256","kid":"\#(kid)"}"#)) }
    }

    @Test func `a secret with a key id verifies only tokens that name it`() async throws {
        #expect(try await accepts(#"{"alg":"HS256","kid":"main"}"#, keyID: "main"))
        #expect(try await accepts(#"{"alg":"HS256","k\u0069d":"m\u0061in"}"#, keyID: "main"))
        for header in [
            #"{"alg":"HS256"}"#, #"{"alg":"HS256","kid":"Main"}"#, #"{"alg":"HS256","kid":"main "}"#,
            #"{"alg":"HS256","kid":"mai"}"#, #"{"alg":"HS256","kid":null}"#,
            #"{"alg":"HS256","kid":"other","kid":"main"}"#,
        ] {
            #expect(try await !accepts(header, keyID: "main"), "\(header)")
        }
    }

    /// Each is asked for by the very id that it is, so that only the id's form can refuse it.
    @Test(arguments: [
        "../../../dev/null", "/etc/passwd", "a/b", "x' UNION SELECT 'secret", "https://evil.test/key", "$(id)", "a b",
        "",
        "caf\u{e9}", "a:b", "a%00b", String(repeating: "k", count: 65), String(repeating: "k", count: 5000),
    ])
    func `a key id outside its alphabet is refused even where it is configured`(kid: String) async throws {
        #expect(try await !accepts(#"{"alg":"HS256","kid":"\#(kid)"}"#, keyID: kid))
    }

    @Test(arguments: ["1", "null", "true", "[]", #"["main"]"#, "{}", #""main\u0000""#, #""\u0000""#])
    func `a key id that is no plain text is refused`(kid: String) async throws {
        #expect(try await !accepts(#"{"alg":"HS256","kid":\#(kid)}"#))
        #expect(try await !accepts(#"{"alg":"HS256","kid":\#(kid)}"#, keyID: "main"))
    }

    @Test(arguments: ["a", "A-Z_0.9", String(repeating: "k", count: 64)])
    func `a key id of the alphabet is found`(kid: String) async throws {
        #expect(try await accepts(#"{"alg":"HS256","kid":"\#(kid)"}"#, keyID: kid))
    }
}
