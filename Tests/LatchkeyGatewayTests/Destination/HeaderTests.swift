import HTTPTypes
import LatchkeyCore
import LatchkeyGateway
import NIOHTTP1
import Testing

/// What leaves this house towards a provider, and what comes back in.
struct HeaderTests {
    private let fixture: DestinationFixture
    private let carriers: Set<String>

    init() throws {
        fixture = try DestinationFixture()
        carriers = GatewayCredential.carriers(of: fixture.catalogue)
    }

    private func outgoing(
        _ pairs: [(String, String)], _ id: String = "openai", fields: [String: String] = [:]
    ) throws -> [String] {
        let headers = OutgoingHeaders.make(
            from: httpFields(pairs), destination: try fixture.destination(id, fields: fields),
            provider: try fixture.provider(id), secret: fixture.secret("sk-the-key"), fields: fields, carriers: carriers
        )
        return headers.map { "\($0.name.lowercased()): \($0.value)" }
    }

    @Test(arguments: [
        ("openai", "authorization: Bearer sk-the-key"), ("anthropic", "x-api-key: sk-the-key"),
        ("gemini", "x-goog-api-key: sk-the-key"), ("elevenlabs", "xi-api-key: sk-the-key"),
        ("deepgram", "authorization: Token sk-the-key"), ("assemblyai", "authorization: sk-the-key"),
        ("odd", "x-odd-key: Odd sk-the-key"),
    ])
    func `the key is there once, and the caller's credential in no place it was put`(id: String, line: String) throws {
        for carrier in carriers {
            let lines = try outgoing([(carrier, "Bearer lk_1_callers"), (carrier.uppercased(), "lk_1_callers")], id)
            #expect(lines.filter { $0.contains("sk-the-key") } == [line])
            #expect(lines.allSatisfy { !$0.contains("lk_1_callers") })
            #expect(
                lines.allSatisfy { line in
                    !carriers.contains { line.hasPrefix($0 + ":") } || line.contains("sk-the-key")
                })
        }
    }

    @Test(arguments: [
        "Cookie", "Proxy-Authorization", "Proxy-Connection", "Proxy-Anything", "Connection", "Keep-Alive", "TE",
        "Trailer", "Transfer-Encoding", "Upgrade", "HTTP2-Settings", "Host", "Content-Length", "Expect", "Forwarded",
        "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Access-Token", "X-Real-IP", "Via", "Origin", "Referer",
        "Latchkey-User", "latchkey-anything", "X-Request-Id", "traceparent", "baggage", "X-HTTP-Method-Override",
        "X-Original-URL", "Sec-Fetch-Site", "X_Api_Key", "x.api.key", "API_KEY", "X-Api_Key", "X_Forwarded_For",
        "latchkey_user", "X-Amz-Security-Token", "CF-Connecting-IP", "Early-Data", "Access-Control-Request-Method",
    ])
    func `what ends here`(name: String) throws {
        let lines = try outgoing([("authorization", "Bearer t"), (name, "keep-out"), ("x-title", "in")])
        #expect(lines.allSatisfy { !$0.contains("keep-out") })
        #expect(lines.contains("x-title: in"))
    }

    @Test func `everything else goes on, in its order and as often as it came`() throws {
        let goesOn = [
            ("Content-Type", "application/json"), ("accept", "text/event-stream"), ("User-Agent", "OpenAI/Python 2"),
            ("OpenAI-Beta", "assistants=v2"), ("x-stainless-lang", "python"), ("X-Title", "caf\u{e9}"),
            ("HTTP-Referer", "https://app.example"), ("x-client-request-id", "1"), ("Idempotency-Key", "2"),
            ("Range", "bytes=0-1"), ("anthropic-beta", "a"), ("anthropic-beta", "b"), ("X-New-Thing", ""),
        ]
        let lines = try outgoing(goesOn + [("Accept-Encoding", "br, gzip"), ("Authorization", "Bearer t")])
        #expect(
            lines == goesOn.map { "\($0.0.lowercased()): \($0.1)" } + [
                "accept-encoding: identity", "authorization: Bearer sk-the-key",
            ])
    }

    @Test func `what Connection names goes no further, but the key does`() throws {
        let lines = try outgoing(
            [
                ("Connection", "close, X-Private ,Authorization"), ("connection", "anthropic-version\tX-API-KEY"),
                ("X-Private", "keep-out"), ("anthropic-version", "keep-out"), ("x-api-key", "keep-out"),
                ("x-title", "in"),
            ], "anthropic")
        #expect(
            lines.sorted() == [
                "accept-encoding: identity", "anthropic-version: 2023-06-01", "x-api-key: sk-the-key", "x-title: in",
            ])
    }

    @Test func `a fixed field of the provider's is set once, the caller's own instead of it`() throws {
        #expect(try outgoing([], "anthropic").contains("anthropic-version: 2023-06-01"))
        let own = try outgoing([("Anthropic-Version", "2030-01-01"), ("anthropic-version", "2031-01-01")], "anthropic")
        #expect(own.filter { $0.hasPrefix("anthropic-version") } == ["anthropic-version: 2030-01-01"])
        let twice = try outgoing([("Content-Type", "application/json"), ("content-type", "text/plain")])
        #expect(twice.filter { $0.hasPrefix("content-type") } == ["content-type: application/json"])
    }

    @Test func `a field of the key's own that has a header goes along, and is stronger than the caller's`() throws {
        let lines = try outgoing(
            [("OpenAI-Organization", "org-Callers"), ("OpenAI-Project", "proj_Callers")],
            fields: ["organization": "org-Mine"])
        #expect(
            lines.filter { $0.hasPrefix("openai-") } == [
                "openai-project: proj_Callers", "openai-organization: org-Mine",
            ])
    }

    @Test func `what is no text is not passed on as something else`() throws {
        var fields = httpFields([("x-title", "in")])
        fields.append(HTTPField(name: try #require(HTTPField.Name("x-bytes")), value: [0x61, 0xFF, 0x62]))
        let headers = OutgoingHeaders.make(
            from: fields, destination: try fixture.destination(), provider: try fixture.provider("openai"),
            secret: fixture.secret("sk-the-key"), fields: [:], carriers: carriers)
        #expect(headers.map(\.name) == ["x-title", "accept-encoding", "Authorization"])
    }

    // MARK: The answer

    private func incoming(_ pairs: [(String, String)], key: String = "sk-the-key") -> [String] {
        IncomingHeaders.make(from: HTTPHeaders(pairs)) { $0.contains(key) }.map {
            "\($0.name.canonicalName): \($0.value)"
        }
    }

    @Test(arguments: [
        "Set-Cookie", "Set-Cookie2", "Access-Control-Allow-Origin", "Access-Control-Anything",
        "Strict-Transport-Security", "Public-Key-Pins", "Alt-Svc", "Clear-Site-Data", "Content-Security-Policy",
        "Content-Security-Policy-Report-Only", "Report-To", "NEL", "Reporting-Endpoints", "Refresh", "Location",
        "Content-Location", "Link", "Server-Timing", "Service-Worker-Allowed", "X-Frame-Options", "WWW-Authenticate",
        "Authorization", "X-Api-Key", "Latchkey-Source", "latchkey_source", "Connection", "Keep-Alive",
        "Transfer-Encoding", "Trailer", "Upgrade", "Proxy-Authenticate", "X-Accel-Redirect", "X-Sendfile",
        "Cross-Origin-Opener-Policy", "Via", "Set_Cookie",
    ])
    func `what of an answer ends here`(name: String) {
        #expect(incoming([(name, "keep-out"), ("x-in", "in")]) == ["x-in: in"])
    }

    @Test func `the rest of an answer comes in`() {
        let pairs = [
            ("content-type", "text/event-stream"), ("retry-after", "7"), ("x-ratelimit-remaining-tokens", "9"),
            ("anthropic-organization-id", "o"), ("openai-processing-ms", "5"), ("request-id", "r"),
            ("x-request-id", "x"), ("cache-control", "no-cache"), ("content-encoding", "gzip"),
            ("content-disposition", "attachment"), ("content-length", "9"), ("x-accel-buffering", "no"), ("vary", "a"),
            ("vary", "b"),
        ]
        #expect(incoming(pairs) == pairs.map { "\($0.0): \($0.1)" })
    }

    @Test func `no field with the key in it, in its value or in its name`() {
        #expect(incoming([("x-echo", "bad key sk-the-key."), ("sk-the-key", "x"), ("x-in", "in")]) == ["x-in: in"])
    }

    @Test func `what Connection names, and what is no field at all`() {
        let pairs = [
            ("Connection", "X-Hop, close"), ("x-hop", "1"), ("x in", "2"), ("x-split", "a\r\nSet-Cookie: b"),
            ("x-in", "in"),
        ]
        #expect(incoming(pairs) == ["x-in: in"])
    }
}
