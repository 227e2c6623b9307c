import HTTPTypes
import LatchkeyCore
import Testing

/// Bodies that are well-formed and say something that cannot be: the code that says so, and nothing changed.
struct BadValueTests {
    private func outcome(_ service: TestService, _ json: String) async throws -> String {
        let answer = try await service.call(
            .post, "/api/api-keys/set", bearer: TokenForge.user("alice"), json: json)
        #expect(!answer.text.contains("sk-canary"), "the answer repeats the key")
        return answer.outcome
    }

    /// Each member, put beside a good provider and key, gets `expected`; the user's keys stay what they were.
    private func expect(
        _ members: [String], _ expected: String, provider: String = "acme",
        sourceLocation: SourceLocation = #_sourceLocation
    ) async throws {
        let service = try await TestService()
        try await service.store(of: "alice")
        let before = try await service.rows(of: "alice")
        for member in members {
            let json = #"{"provider":"\#(provider)","api_key":"sk-canary-0123456789",\#(member)}"#
            #expect(
                try await outcome(service, json) == expected, Comment(rawValue: member), sourceLocation: sourceLocation)
            #expect(try await service.rows(of: "alice") == before, sourceLocation: sourceLocation)
        }
    }

    private func expect(keys: [String], _ expected: String, sourceLocation: SourceLocation = #_sourceLocation)
        async throws
    {
        let service = try await TestService()
        try await service.store(of: "alice")
        let before = try await service.rows(of: "alice")
        for key in keys {
            let actual = try await outcome(service, #"{"provider":"acme","api_key":"\#(key)"}"#)
            #expect(actual == expected, Comment(rawValue: String(key.prefix(80))), sourceLocation: sourceLocation)
            #expect(try await service.rows(of: "alice") == before, sourceLocation: sourceLocation)
        }
    }

    @Test func `a text that cannot be a key is invalid_key_format`() async throws {
        let start = "sk-canary-0123"
        try await expect(
            keys: [
                "", " ", " \(start)", "\(start) ", "sk-canary 0123", #"\#(start)\n"#, #"\#(start)\r\n"#,
                #"\r\n\#(start)"#,
                #"sk-canary\r\n0123"#, #"sk-canary\t0123"#, #"sk-canary\u00000123"#, "sk-canary\u{7f}0123",
                "sk-canary-\u{e9}",
                #"sk-canary-\u00e9"#, "sk-canary\u{200b}0123", "\u{feff}\(start)", "sk-canary\u{a0}0123",
                start + String(repeating: "x", count: 4096 - start.utf8.count + 1),
            ], "400 invalid_key_format")
    }

    @Test func `a key of 4096 bytes is stored`() async throws {
        let service = try await TestService()
        let key = "sk-" + String((0..<4093).map { Character(Unicode.Scalar(UInt8(33 + $0 % 94))) })
        let json = key.replacing(#"\"#, with: #"\\"#).replacing("\"", with: #"\""#)
        #expect(try await outcome(service, #"{"provider":"acme","api_key":"\#(json)"}"#) == "200")
    }

    @Test func `a masked key that a page sent back is masked_key`() async throws {
        try await expect(
            keys: [
                "sk-\u{2026}1234", "sk-...1234", "********", "\u{2022}\u{2022}\u{2022}\u{2022}", "sk-****abcd", "***",
                "xxxx",
                "sk-\u{25cf}\u{25cf}1234", "sk-proj-abc\u{00b7}\u{00b7}\u{00b7}def", #"sk-\u20261234"#,
            ], "400 masked_key")
    }

    @Test func `a name outside its alphabet is invalid_name`() async throws {
        let long = String(repeating: "n", count: 65)
        try await expect(
            ["", "a b", "a/b", "..%2f", "\u{e9}", #"a\n"#, #"a\u0000"#, "a:b", "\u{212a}", long].map {
                #""name":"\#($0)""#
            },
            "400 invalid_name")
        let service = try await TestService()
        let name = "A-z.0_9" + String(repeating: "n", count: 57)
        let json = #"{"provider":"acme","api_key":"sk-a-0123456789","name":"\#(name)"}"#
        #expect(try await outcome(service, json) == "200")
    }

    @Test func `a name in the query is judged by the same rule`() async throws {
        let service = try await TestService()
        // `%2564efault` is `%64efault` in the query's words; decoded once more it would be the default key.
        for name in ["", "a%20b", "a/b", "%00", String(repeating: "n", count: 65), "%C3%A9", "%2564efault", "a+b", "%"]
        {
            for (method, uri) in [
                (HTTPRequest.Method.post, "/api/api-keys/validate/acme"), (.delete, "/api/api-keys/acme"),
            ] {
                let answer = try await service.call(method, "\(uri)?name=\(name)", bearer: TokenForge.user("alice"))
                #expect(answer.outcome == "400 invalid_name", "\(method) \(name)")
            }
        }
    }

    @Test func `a label that is too long or holds a control character is invalid_label`() async throws {
        try await expect(
            [String(repeating: "\u{1f511}", count: 121), #"a\nb"#, #"a\u0000"#, "a\u{7f}b", "a\u{85}b"].map {
                #""label":"\#($0)""#
            }, "400 invalid_label")
        let service = try await TestService()
        let label = String(repeating: "\u{1f511}", count: 120)
        let json = #"{"provider":"acme","api_key":"sk-a-0123456789","label":"\#(label)"}"#
        #expect(try await outcome(service, json) == "200")
        #expect(try await service.rows(of: "alice").first?.label == label)
    }

    @Test func `an expiry that is no time, or is over, is invalid_expiry`() async throws {
        let texts = [
            "", "tomorrow", "2027-01-31", "2027-01-31 00:00:00Z", "2027-02-30T00:00:00Z", "2027-13-01T00:00:00Z",
            "2027-01-31T24:00:00Z", "2027-01-31T00:00:00Zx", "0000-01-01T00:00:00Z", "1767225600",
            // Past, and the very second it is now.
            "2025-12-31T23:59:59Z", "2026-01-01T00:00:00Z", "2026-01-01T01:00:00+01:00",
        ]
        let numbers = [
            "1.5", "1e10", "1e400", "-1", "0", "1767225600", "253402300800", "9223372036854775807",
            "9223372036854775808", "99999999999999999999999999",
        ]
        try await expect(
            texts.map { #""expires_at":"\#($0)""# } + numbers.map { #""expires_at":\#($0)"# }, "400 invalid_expiry")
    }

    @Test(arguments: [#""2027-01-31T00:00:00Z""#, #""2027-01-31T01:00:00+01:00""#, "1801353600"])
    func `an expiry is taken as a time or as seconds`(value: String) async throws {
        let service = try await TestService()
        let answer = try await service.call(
            .post, "/api/api-keys/set", bearer: TokenForge.user("alice"),
            json: #"{"provider":"acme","api_key":"sk-a-0123456789","expires_at":\#(value)}"#)
        #expect(answer["expires_at"]?.string == "2027-01-31T00:00:00Z")
    }

    @Test func `an address that nobody allowed is base_url_not_allowed`() async throws {
        try await expect(
            [
                "https://evil.test", "https://api.acme.test.evil.test/v1", "https://api.acme.test@evil.test/v1",
                "https://api.acme.test/v2", "http://api.acme.test/v1", "https://API.ACME.TEST/v1", "//api.acme.test/v1",
                "https://169.254.169.254/v1", "https://127.0.0.1/v1", "https://localhost/v1", "https://[::1]/v1",
                "https://api.acme.test/v1?x=", "https://api.acme.test/v1#", "file:///etc/passwd", "api.acme.test/v1",
                "",
                "https://", "https://api.acme.test/v1\\u0000", "https://api.acme.test/v1\\r\\nX: y",
                "https://api.acme.test/v1/../../", "https://" + String(repeating: "a", count: 600) + ".test",
            ].map { #""base_url":"\#($0)""# }, "400 base_url_not_allowed")
    }

    @Test func `the catalogue's own address, and a host that the operator allows, are taken`() async throws {
        let service = try await TestService(TestService.Options(allowedBaseURLHosts: ["proxy.test"]))
        for (url, expected) in [
            ("https://api.acme.test/v1", "200"), ("https://api.acme.test/v1/", "200"),
            ("https://proxy.test/acme", "200"),
            ("https://proxy.test.evil.test/", "400 base_url_not_allowed"),
            ("https://proxy.test:8443/", "400 base_url_not_allowed"),
            ("https://x.proxy.test/", "400 base_url_not_allowed"), ("http://proxy.test/", "400 base_url_not_allowed"),
            ("https://evil.test/proxy.test", "400 base_url_not_allowed"),
        ] {
            let json = #"{"provider":"acme","api_key":"sk-a-0123456789","base_url":"\#(url)"}"#
            #expect(try await outcome(service, json) == expected, "\(url)")
        }
    }

    @Test func `a provider's field that is missing, unknown or out of form is invalid_field`() async throws {
        try await expect([#""fields":{"region":"eu"}"#, #""fields":{"":""}"#], "400 invalid_field")
        try await expect(
            [
                #""fields":{}"#, #""label":"no fields at all""#, #""fields":{"region":""}"#,
                #""fields":{"region":"EU"}"#,
                #""fields":{"region":"eu","other":"x"}"#, #""fields":{"note":"x"}"#, #""fields":{"Region":"eu"}"#,
                #""fields":{"region":"eu.evil"}"#, #""fields":{"region":"eu/x"}"#, #""fields":{"region":"eu#"}"#,
                #""fields":{"region":"eu@x"}"#, #""fields":{"region":"{note}"}"#, #""fields":{"region":"eu\n"}"#,
                #""fields":{"region":"eu","note":"a\nb"}"#,
            ], "400 invalid_field", provider: "forms")
    }

    @Test(arguments: ["", "nope", "ACME", "acme ", "../acme", "acme\\u0000", "\u{430}cme"])
    func `a provider that is not in the catalogue is unknown_provider in a body`(provider: String) async throws {
        try await expect([#""label":"x""#], "400 unknown_provider", provider: provider)
    }

    @Test
    func `a provider in a path that is not in the catalogue is unknown_provider, one without a key key_not_found`()
        async throws
    {
        let service = try await TestService()
        for (method, uri, expected) in [
            (HTTPRequest.Method.post, "/api/api-keys/validate/nope", "404 unknown_provider"),
            (.post, "/api/api-keys/validate/ACME", "404 unknown_provider"),
            (.post, "/api/api-keys/validate/\(String(repeating: "a", count: 51))", "404 unknown_provider"),
            (.post, "/api/api-keys/validate/a%00b", "404 unknown_provider"),
            (.delete, "/api/api-keys/ACME", "404 unknown_provider"),
            (.delete, "/api/api-keys/nope", "404 unknown_provider"),
            (.delete, "/api/api-keys/acme", "404 key_not_found"),
        ] {
            #expect(try await service.call(method, uri, bearer: TokenForge.user("alice")).outcome == expected, "\(uri)")
        }
    }
}
