import HTTPTypes
import Testing

/// Every way a body can be wrong: the code that says so, nothing of the body in the answer, nothing changed.
struct BadBodyTests {
    /// In each body that holds a key, so that an answer that repeats any of it is seen.
    private static let canary = "sk-canary-5f2d81c07e"
    private static let start = #"{"provider":"acme","api_key":"\#(canary)""#

    private func expect(
        _ bodies: [String], _ outcome: String, on uri: String = "/api/api-keys/set",
        method: HTTPRequest.Method = .post, sourceLocation: SourceLocation = #_sourceLocation
    ) async throws {
        try await expect(
            bodies.map { Array($0.utf8) }, outcome, on: uri, method: method, sourceLocation: sourceLocation)
    }

    /// Each body gets `outcome`, and after it the user's and the global keys are what they were.
    private func expect(
        _ bodies: [[UInt8]], _ outcome: String, on uri: String, method: HTTPRequest.Method,
        sourceLocation: SourceLocation
    ) async throws {
        let service = try await TestService()
        try await service.store("sk-kept-0123456789abcdef", of: "alice", label: "kept")
        let before = try await service.rows(of: "alice")
        let status = try await service.call(.get, "/api/api-keys/status", bearer: TokenForge.user("alice"))
        for body in bodies {
            let comment = Comment(rawValue: String(decoding: body.prefix(200), as: UTF8.self))
            let answer = try await service.call(
                method, uri, bearer: TokenForge.user("alice"), headers: [.contentType: "application/json"], body: body)
            #expect(answer.outcome == outcome, comment, sourceLocation: sourceLocation)
            #expect(!answer.text.contains(Self.canary), comment, sourceLocation: sourceLocation)
            #expect(try await service.rows(of: "alice") == before, comment, sourceLocation: sourceLocation)
            #expect(try await service.rows(of: nil).isEmpty, comment, sourceLocation: sourceLocation)
        }
        let after = try await service.call(.get, "/api/api-keys/status", bearer: TokenForge.user("alice"))
        #expect(after.body == status.body, sourceLocation: sourceLocation)
    }

    private func withMember(_ members: String...) -> [String] { members.map { Self.start + ",\($0)}" } }

    @Test func `what is not JSON is bad_json`() async throws {
        let whole = Self.start + "}"
        try await expect(
            [
                "", " ", "{", "}", whole + "x", whole + whole, Self.start, Self.start + ",}", #"{"provider":}"#,
                #"{'provider':'acme'}"#, #"{"provider":"acme" "api_key":"x"}"#, "nul", "NaN", "[1,]", "01", "+1", ".5",
                "// a comment\n" + whole, "\u{feff}" + whole, #"{"provider":"\ud800"}"#, #"{"provider":"\x"}"#,
                "{\"provider\":\"ac\nme\"}", "{\"provider\":\"ac\u{0}me\"}", "provider=acme&api_key=x",
            ], "400 bad_json")
    }

    @Test func `what is not UTF-8 is bad_json`() async throws {
        let whole = Array((Self.start + "}").utf8)
        let inText: [[UInt8]] = [[0xff], [0xc0, 0xaf], [0xed, 0xa0, 0x80], [0xf4, 0x90, 0x80, 0x80], [0xc3], [0x80]]
        let utf16 = Array((Self.start + "}").utf16).flatMap { [UInt8($0 & 0xff), UInt8($0 >> 8)] }
        let label = Array((Self.start + #","label":""#).utf8)
        var bodies = inText.map { label + $0 + Array(#""}"#.utf8) }
        bodies += [utf16, [0xff, 0xfe] + utf16, whole + [0xff]]
        try await expect(
            bodies, "400 bad_json", on: "/api/api-keys/set", method: .post, sourceLocation: #_sourceLocation)
    }

    @Test func `a member that is there twice is duplicate_member, however it is spelled`() async throws {
        try await expect(
            withMember(
                #""provider":"acme""#, #""api_key":"sk-other""#, #""\u0070rovider":"acme""#,
                #""api\u005fkey":"sk-other""#, #""x":1,"x":1"#, #""fields":{"region":"eu","re\u0067ion":"us"}"#,
                #""name":"a","label":"b","n\u0061me":"c""#, #""user_id":"bob","user_id":"bob""#),
            "400 duplicate_member")
    }

    @Test func `33 levels are json_too_deep, 32 are read`() async throws {
        func nested(_ levels: Int) -> String {
            #""fields":"# + String(repeating: "[", count: levels) + String(repeating: "]", count: levels)
        }
        try await expect(withMember(nested(32), nested(33), nested(20_000)), "400 json_too_deep")
        try await expect(withMember(#""label":"# + String(repeating: #"{"a":"#, count: 5000)), "400 json_too_deep")
        try await expect(withMember(nested(31)), "400 wrong_type")
    }

    @Test func `a value of another type is wrong_type`() async throws {
        try await expect(["[]", #""text""#, "1", "true", "null", "[\(Self.start)}]"], "400 wrong_type")
        try await expect(
            [
                #"{"provider":1,"api_key":"x"}"#, #"{"provider":["acme"],"api_key":"x"}"#,
                #"{"provider":"acme","api_key":1}"#, #"{"provider":"acme","api_key":true}"#,
                #"{"provider":"acme","api_key":["sk-a"]}"#, #"{"provider":"acme","api_key":{"key":"sk-a"}}"#,
            ], "400 wrong_type")
        try await expect(
            withMember(
                #""name":1"#, #""name":["a"]"#, #""label":{}"#, #""label":false"#, #""base_url":[]"#, #""fields":[]"#,
                #""fields":"region""#, #""fields":{"region":1}"#, #""fields":{"region":null}"#, #""expires_at":true"#,
                #""expires_at":[]"#, #""expires_at":{}"#, #""validate":"false""#, #""validate":0"#,
                #""require_valid":1"#, #""require_valid":"yes""#),
            "400 wrong_type")
    }

    @Test func `what has to be there and is not is missing_member, and null is wrong_type`() async throws {
        try await expect(
            [
                "{}", #"{"provider":"acme"}"#, #"{"api_key":"sk-a"}"#, #"{"Provider":"acme","api_key":"sk-a"}"#,
                #"{"provider":"acme","api_key ":"sk-a"}"#,
            ], "400 missing_member")
        try await expect(
            [#"{"provider":null,"api_key":"sk-a"}"#, #"{"provider":"acme","api_key":null}"#], "400 wrong_type")
    }

    @Test func `null for what may be left out is the same as leaving it out`() async throws {
        let service = try await TestService()
        let answer = try await service.call(
            .post, "/api/api-keys/set", bearer: TokenForge.user("alice"),
            json: Self.start
                + #","name":null,"label":null,"base_url":null,"fields":null,"expires_at":null,"validate":null}"#)
        #expect(answer.status == 200)
        #expect(answer["name"]?.string == "default")
        #expect(answer["evidence", "http_status"]?.integer == 200)
    }

    @Test func `what nobody asked for is unknown_member, a user id above all`() async throws {
        try await expect(
            withMember(
                #""user_id":"bob""#, #""user_id":"alice""#, #""user_id":null"#, #""user\u005fid":"bob""#,
                #""sub":"bob""#,
                #""finish":true"#, #""is_valid":true"#, #""verdict":"valid""#, #""Name":"a""#, #""":1"#,
                #""name ":"a""#,
                #""\u0000":1"#, #""__proto__":{}"#),
            "400 unknown_member")
    }

    @Test func `an unknown member's name is repeated only when it is a plain word`() async throws {
        let service = try await TestService()
        for (name, isNamed) in [("colour", true), ("<script>", false), ("Sk-Canary", false), ("\\n", false)] {
            let answer = try await service.call(
                .post, "/api/api-keys/set", bearer: TokenForge.user("alice"), json: Self.start + ",\"\(name)\":1}")
            #expect(answer.outcome == "400 unknown_member")
            #expect(try #require(answer["detail"]?.string).contains(name) == isNamed)
        }
    }

    @Test func `a settings body is judged by the same rules`() async throws {
        let uri = "/api/api-keys/settings"
        try await expect(["", "{"], "400 bad_json", on: uri, method: .put)
        try await expect(["{}"], "400 missing_member", on: uri, method: .put)
        try await expect(
            ["[]", #"{"global_fallback":"no"}"#, #"{"global_fallback":null}"#], "400 wrong_type", on: uri, method: .put)
        try await expect(
            [#"{"global_fallback":true,"user_id":"bob"}"#], "400 unknown_member", on: uri, method: .put)
        try await expect(
            [#"{"global_fallback":true,"global\u005ffallback":false}"#], "400 duplicate_member", on: uri, method: .put)
    }

    @Test func `routes that take no members take an empty object and nothing else`() async throws {
        let routes: [(HTTPRequest.Method, String)] = [
            (.post, "/api/api-keys/validate/acme"), (.delete, "/api/api-keys/acme"), (.delete, "/api/api-keys"),
        ]
        for (method, uri) in routes {
            try await expect(["{", "x"], "400 bad_json", on: uri, method: method)
            try await expect(["[]", "null"], "400 wrong_type", on: uri, method: method)
            try await expect(
                [#"{"name":"default"}"#, #"{"user_id":"bob"}"#], "400 unknown_member", on: uri, method: method)
            try await expect([#"{"a":1,"a":1}"#], "400 duplicate_member", on: uri, method: method)
        }
        let service = try await TestService()
        try await service.store(of: "alice")
        for (method, uri) in routes.dropLast() {
            let answer = try await service.call(method, uri, bearer: TokenForge.user("alice"), json: " {} ")
            #expect(answer.status == 200)
        }
    }
}
