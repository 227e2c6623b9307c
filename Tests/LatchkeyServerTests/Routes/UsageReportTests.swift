import HTTPTypes
import LatchkeyCore
import LatchkeyCrypto
import LatchkeyTesting
import Testing

@testable import LatchkeyServer

/// What an app reports of calls it made itself, in OpenTelemetry's names.
struct UsageReportTests {
    private func report(
        _ service: TestService, _ json: String, bearer: String = TestService.serviceToken
    ) async throws -> Answer {
        try await service.call(.post, "/api/service/usage", bearer: bearer, json: json)
    }

    private func event(
        _ id: String = "e-1", user: String = "alice", provider: String = "openai", model: String = "gpt-4o",
        more: String = ""
    ) -> String {
        #"{"id":"\#(id)","user_id":"\#(user)","attributes":{"gen_ai.provider.name":"\#(provider)","#
            + #""gen_ai.request.model":"\#(model)","gen_ai.usage.input_tokens":1000,"gen_ai.usage.output_tokens":100"#
            + #"}\#(more)}"#
    }

    private func events(_ service: TestService, of user: String = "alice") async throws -> [JSONValue] {
        let answer = try await service.call(.get, "/api/usage/events", bearer: TokenForge.user(user))
        #expect(answer.status == 200, "\(answer.text)")
        return answer["events"]?.elements ?? []
    }

    @Test func `an event is counted once, however often it is told`() async throws {
        let service = try await TestService()
        let both = #"{"events":[\#(event("e-1")),\#(event("e-2"))]}"#
        for (json, new, known) in [(event("e-1"), 1, 0), (event("e-1"), 0, 1), (both, 1, 1), (both, 0, 2)] {
            let answer = try await report(service, json)
            #expect(answer.status == 200, "\(answer.text)")
            #expect(answer["new"]?.integer == Int64(new))
            #expect(answer["known"]?.integer == Int64(known))
            #expect(answer["received"]?.integer == Int64(new + known))
        }
        #expect(try await events(service).count == 2)
        let sums = try await service.call(.get, "/api/usage", bearer: TokenForge.user("alice"))
        #expect(sums["totals", "requests"]?.integer == 2)
        #expect(sums["totals", "input_tokens"]?.integer == 2000)
        // 2 × (1000 × 2.50 + 100 × 10) micro-dollars.
        #expect(sums["totals", "cost_micros"]?.integer == 7000)
        #expect(sums["totals", "cost_usd"]?.string == "0.007")
    }

    @Test func `one id is two events for two users`() async throws {
        let service = try await TestService()
        for user in ["alice", "bob"] {
            #expect(try await report(service, event(user: user))["new"]?.integer == 1)
            #expect(try await events(service, of: user).count == 1)
        }
    }

    @Test func `every attribute goes where it belongs`() async throws {
        let service = try await TestService()
        let time = service.clock.clock.now().advanced(bySeconds: -3600).rfc3339
        let json = #"""
            {"id":"full","time":"\#(time)","user_id":"alice","duration_ms":1500,"key_name":"work",
             "attributes":{"gen_ai.provider.name":"azure.ai.openai","gen_ai.operation.name":"chat",
             "gen_ai.request.model":"gpt-4o","gen_ai.response.model":"gpt-4o-mini-2024-07-18",
             "gen_ai.usage.input_tokens":10,"gen_ai.usage.output_tokens":5,"gen_ai.response.id":"ignored",
             "gen_ai.usage.cache_read.input_tokens":4,"http.response.status_code":200,"server.port":443,
             "gen_ai.request.stop_sequences":["a"],"gen_ai.system":"something.else"}}
            """#
        #expect(try await report(service, json).status == 200)
        let event = try #require(try await events(service).first)
        let texts = [
            "id": "full", "time": time, "origin": "reported", "provider": "azure-openai",
            "key": "work", "operation": "chat", "model": "gpt-4o-mini-2024-07-18", "cost_usd": "0.000004",
        ]
        for (name, value) in texts { #expect(event[name]?.string == value, "\(name)") }
        let numbers: [String: Int64] = [
            "input_tokens": 10, "output_tokens": 5, "cached_tokens": 4, "status": 200, "duration_ms": 1500,
            "cost_micros": 4,
        ]
        for (name, value) in numbers { #expect(event[name]?.integer == value, "\(name)") }
        #expect(event["streamed"]?.boolean == false)
        #expect(event["token_id"]?.isNull == true)
    }

    @Test(arguments: [
        ("gcp.gemini", "gemini"), ("gcp.vertex_ai", "gemini"), ("aws.bedrock", "bedrock"), ("x_ai", "xai"),
        ("mistral_ai", "mistral"), ("az.ai.openai", "azure-openai"), ("openai", "openai"), ("deepseek", "deepseek"),
        ("moonshot_ai", "moonshot"), ("acme", "acme"),
    ])
    func `well-known names of providers are understood, old and new`(name: String, id: String) async throws {
        let service = try await TestService()
        for member in ["gen_ai.provider.name", "gen_ai.system"] {
            let json = #"{"id":"\#(member)","user_id":"alice","attributes":{"\#(member)":"\#(name)"}}"#
            #expect(try await report(service, json).status == 200)
        }
        #expect(try await events(service).map { $0["provider"]?.string } == [id, id])
    }

    static let bad: [(String, String)] = [
        (#"{}"#, "400 missing_member"),
        (#"{"id":"a b","user_id":"alice","attributes":{"gen_ai.system":"openai"}}"#, "400 invalid_usage"),
        (#"{"id":"","user_id":"alice","attributes":{"gen_ai.system":"openai"}}"#, "400 invalid_usage"),
        (#"{"id":7,"user_id":"alice","attributes":{"gen_ai.system":"openai"}}"#, "400 wrong_type"),
        (#"{"id":"a","attributes":{"gen_ai.system":"openai"}}"#, "400 missing_member"),
        (#"{"id":"a","user_id":"","attributes":{"gen_ai.system":"openai"}}"#, "400 invalid_user_id"),
        (#"{"id":"a","user_id":"alice"}"#, "400 missing_member"),
        (#"{"id":"a","user_id":"alice","attributes":[]}"#, "400 wrong_type"),
        (#"{"id":"a","user_id":"alice","attributes":{}}"#, "400 missing_member"),
        (#"{"id":"a","user_id":"alice","attributes":{"gen_ai.system":"nobody"}}"#, "400 unknown_provider"),
        (#"{"id":"a","user_id":"alice","attributes":{"gen_ai.system":1}}"#, "400 wrong_type"),
        (attribute(#""gen_ai.usage.input_tokens":-1"#), "400 invalid_usage"),
        (attribute(#""gen_ai.usage.input_tokens":1.5"#), "400 wrong_type"),
        (attribute(#""gen_ai.usage.input_tokens":"12""#), "400 wrong_type"),
        (attribute(#""gen_ai.usage.output_tokens":1000000000001"#), "400 invalid_usage"),
        (attribute(#""gen_ai.usage.output_tokens":99999999999999999999"#), "400 wrong_type"),
        (attribute(#""gen_ai.usage.input_tokens":3,"gen_ai.usage.cache_read.input_tokens":4"#), "400 invalid_usage"),
        (attribute(#""http.response.status_code":99"#), "400 invalid_usage"),
        (attribute(#""gen_ai.request.model":"""#), "400 invalid_usage"),
        (attribute(#""gen_ai.request.model":"a\u0007""#), "400 invalid_usage"),
        (attribute(#""gen_ai.request.model":"\#(String(repeating: "m", count: 129))""#), "400 invalid_usage"),
        (attribute(#""gen_ai.operation.name":"\#(String(repeating: "o", count: 33))""#), "400 invalid_usage"),
        (member(#""time":"yesterday""#), "400 invalid_usage"), (member(#""time":"2026-08-01""#), "400 invalid_usage"),
        (member(#""time":"1969-12-31T00:00:00Z""#), "400 invalid_usage"), (member(#""time":{}"#), "400 wrong_type"),
        (member(#""time":"9999-01-01T00:00:00Z""#), "400 invalid_usage"),
        (member(#""duration_ms":-1"#), "400 invalid_usage"), (member(#""duration_ms":604800001"#), "400 invalid_usage"),
        (member(#""key_name":"a b""#), "400 invalid_name"), (member(#""cost_micros":5"#), "400 unknown_member"),
    ]

    private static func attribute(_ text: String) -> String {
        #"{"id":"a","user_id":"alice","attributes":{"gen_ai.system":"openai",\#(text)}}"#
    }

    private static func member(_ text: String) -> String {
        #"{"id":"a","user_id":"alice","attributes":{"gen_ai.system":"openai"},\#(text)}"#
    }

    @Test(arguments: bad)
    func `one bad event stops all, and is named with its place`(json: String, outcome: String) async throws {
        let service = try await TestService()
        #expect(try await report(service, json).outcome == outcome)
        let answer = try await report(service, #"{"events":[\#(event("good-1")),\#(json),\#(event("good-2"))]}"#)
        #expect(answer.outcome == outcome)
        #expect(answer["detail"]?.string?.hasPrefix("events[1]: ") == true, "\(answer.text)")
        #expect(try await events(service).isEmpty)
    }

    @Test(arguments: [
        (#"{"events":[]}"#, "400 invalid_usage"), (#"{"events":{}}"#, "400 wrong_type"),
        (#"{"events":[[]]}"#, "400 wrong_type"), (#"{"events":[null]}"#, "400 wrong_type"),
        (#"{"events":[{}],"id":"a"}"#, "400 unknown_member"), ("[]", "400 wrong_type"),
        (#"{"events":[\#(String(repeating: "{},", count: 1000)){}]}"#, "400 invalid_usage"),
    ])
    func `a list that is none`(json: String, outcome: String) async throws {
        #expect(try await report(TestService(), json).outcome == outcome)
    }

    @Test func `a clock that is ahead is believed for five minutes`() async throws {
        let service = try await TestService()
        let now = service.clock.clock.now()
        for (seconds, status) in [(299, 200), (300, 200), (301, 400)] as [(Int64, Int)] {
            let time = now.advanced(bySeconds: seconds).rfc3339
            let answer = try await report(service, event("t\(seconds)", more: #","time":"\#(time)""#))
            #expect(answer.status == status, "\(seconds)")
        }
    }

    @Test func `a thousand events are one report, and more than a mebibyte none`() async throws {
        let service = try await TestService()
        let list = (0..<1000).map { event("e-\($0)") }.joined(separator: ",")
        let answer = try await report(service, #"{"events":[\#(list)]}"#)
        #expect(answer["new"]?.integer == 1000, "\(answer.text)")
        let body = #"{"events":[\#(String(repeating: " ", count: 1024 * 1024))]}"#
        #expect(try await report(service, body).outcome == "413 body_too_large")
    }

    @Test func `a user's own access token reports about that user alone`() async throws {
        let service = try await TestService()
        let made = try await service.tokens.create(
            AccessTokenRequest(scopes: [.resolve], providers: [try #require(ProviderID("openai"))]),
            of: .user(try UserID("alice")), by: Caller(.cli))
        let token = made.text.secret.withUnsafeBytes { String(decoding: $0, as: UTF8.self) }
        #expect(try await report(service, event("own"), bearer: token).status == 200)
        #expect(
            try await report(service, event("other", user: "bob"), bearer: token).outcome == "400 user_id_not_allowed")
        let other = try await report(service, event("acme", provider: "acme"), bearer: token)
        #expect(other.outcome == "403 forbidden")
        #expect(try await events(service).map { $0["token_id"]?.string } == [made.row.id])
        #expect(try await events(service, of: "bob").isEmpty)
    }
}
