import HTTPTypes
import LatchkeyCore
import LatchkeyCrypto
import LatchkeyTesting
import Testing

/// The only route that answers with a key: which one, exactly, and where from.
struct ResolveTests {
    private func resolve(_ service: TestService, _ json: String) async throws -> Answer {
        try await service.call(.post, "/api/service/resolve", bearer: TestService.serviceToken, json: json)
    }

    private func resolve(_ service: TestService, user: String = "alice", provider: String = "acme") async throws
        -> Answer
    {
        try await resolve(service, #"{"user_id":"\#(user)","provider":"\#(provider)"}"#)
    }

    private func service(environment: Bool = false, globalFallback: Bool = true) async throws -> TestService {
        try await TestService(
            TestService.Options(
                environment: environment ? ["ACME_API_KEY": "sk-environment-0123456789"] : [:],
                globalFallback: globalFallback))
    }

    @Test func `the source is the user's own key, else the global one, else the environment's, and is named`()
        async throws
    {
        let service = try await service(environment: true)
        let environment = try await resolve(service)
        #expect(environment["source"]?.string == "environment")
        #expect(environment["api_key"]?.string == "sk-environment-0123456789")
        #expect(environment["verdict"]?.string == "unknown")
        try await service.store("sk-global-0123456789", of: nil)
        let global = try await resolve(service)
        #expect(global["source"]?.string == "global")
        #expect(global["api_key"]?.string == "sk-global-0123456789")
        try await service.store("sk-alices-0123456789", of: "alice")
        let own = try await resolve(service)
        #expect(own["source"]?.string == "user")
        #expect(own["api_key"]?.string == "sk-alices-0123456789")
        #expect(own["verdict"]?.string == "valid")
        #expect(try await resolve(service, user: "bob")["source"]?.string == "global")
    }

    @Test func `the answer has each member the caller's client needs`() async throws {
        let service = try await service()
        try await service.store(
            "sk-forms-0123456789", of: "alice", provider: "forms", fields: ["region": "eu"],
            expiresAt: Timestamp(unixSeconds: TokenForge.now + 60))
        let answer = try await resolve(service, provider: "forms")
        guard case .object(let object) = try StrictJSON.parse(answer.body) else {
            Issue.record("not an object")
            return
        }
        #expect(
            object.names == [
                "provider", "name", "source", "api_key", "base_url", "kind", "fields", "expires_at", "verdict", "auth",
                "headers",
            ])
        #expect(answer["provider"]?.string == "forms")
        #expect(answer["name"]?.string == "default")
        #expect(answer["base_url"]?.string == "https://eu.forms.test")
        #expect(answer["kind"]?.string == "api_key")
        #expect(answer["expires_at"]?.string == "2026-01-01T00:01:00Z")
        #expect(answer["auth", "header"]?.string == "X-Forms-Key")
        #expect(answer["auth", "scheme"]?.isNull == true)
        #expect(answer["headers", "x-forms-version"]?.string == "1")
        let plain = try await self.service()
        try await plain.store(of: "alice")
        let bearer = try await resolve(plain)
        #expect(bearer["auth", "scheme"]?.string == "Bearer")
        #expect(bearer["expires_at"]?.isNull == true)
    }

    /// Each byte that can stand in a key, quotes and backslashes among them, over HTTP both ways.
    @Test func `the key comes back byte for byte`() async throws {
        let service = try await service()
        let every = String(decoding: UInt8(0x21)...UInt8(0x7e), as: UTF8.self)
        let keys = [every, #"sk-"quoted"\back\\slash/"#, #"\u0041\n\""#, "sk-<>&'`${x}", String(every.reversed())]
        for key in keys {
            let json = key.replacing(#"\"#, with: #"\\"#).replacing("\"", with: #"\""#)
            let set = try await service.call(
                .post, "/api/api-keys/set", bearer: TokenForge.user("alice"),
                json: #"{"provider":"acme","api_key":"\#(json)"}"#)
            #expect(set.status == 200)
            #expect(try await resolve(service)["api_key"]?.bytes == Array(key.utf8))
        }
    }

    @Test func `a field comes back as it was given`() async throws {
        let service = try await service()
        for note in ["plain", #"with "quotes" and \backslashes\"#, "caf\u{e9} \u{2028} 🔑", "</script>"] {
            try await service.store(
                "sk-forms-0123456789", of: "alice", provider: "forms", fields: ["region": "eu", "note": note])
            let answer = try await resolve(service, provider: "forms")
            #expect(answer["fields", "note"]?.bytes == Array(note.utf8))
            #expect(answer["fields", "region"]?.string == "eu")
        }
    }

    @Test func `a named key is that key or none`() async throws {
        let service = try await service(environment: true)
        try await service.store("sk-global-0123456789", of: nil)
        try await service.store("sk-global-work-0123456789", of: nil, name: "work")
        let missing = try await resolve(service, #"{"user_id":"alice","provider":"acme","name":"work"}"#)
        #expect(missing.outcome == "404 key_not_found")
        try await service.store("sk-alices-work-0123456789", of: "alice", name: "work")
        let named = try await resolve(service, #"{"user_id":"alice","provider":"acme","name":"work"}"#)
        #expect(named["api_key"]?.string == "sk-alices-work-0123456789")
        #expect(named["name"]?.string == "work")
        #expect(try await resolve(service)["source"]?.string == "global")
        let byName = try await resolve(service, #"{"user_id":"alice","provider":"acme","name":"default"}"#)
        #expect(byName["source"]?.string == "global")
    }

    @Test func `an unknown user and one without a key get the same answer`() async throws {
        let service = try await service()
        try await service.store("sk-other-0123456789", of: "alice", provider: "forms", fields: ["region": "eu"])
        let headers: HTTPFields = [.xRequestID: "r"]
        var bodies: Set<[UInt8]> = []
        for user in ["alice", "nobody-ever-heard-of"] {
            let answer = try await service.call(
                .post, "/api/service/resolve", bearer: TestService.serviceToken, headers: headers,
                json: #"{"user_id":"\#(user)","provider":"acme"}"#)
            #expect(answer.outcome == "404 key_not_found")
            bodies.insert(answer.body)
        }
        #expect(bodies.count == 1)
    }

    @Test func `one's own key that cannot serve is an error, not somebody else's bill`() async throws {
        let service = try await service(environment: true)
        try await service.store("sk-global-0123456789", of: nil)
        try await service.store("sk-revoked-0123456789", of: "alice")
        let invalid = try await resolve(service)
        #expect(invalid.outcome == "409 key_invalid")
        #expect(!invalid.text.contains("sk-revoked"))
        try await service.store("sk-good-0123456789", of: "bob", expiresAt: Timestamp(unixSeconds: TokenForge.now + 10))
        #expect(try await resolve(service, user: "bob")["source"]?.string == "user")
        service.clock.advance(seconds: 10)
        let expired = try await resolve(service, user: "bob")
        #expect(expired.outcome == "409 key_expired")
        #expect(!expired.text.contains("sk-good"))
    }

    @Test func `a key that could not be checked may serve`() async throws {
        let service = try await service()
        try await service.store("sk-unreachable-0123456789", of: "alice")
        let answer = try await resolve(service)
        #expect(answer["verdict"]?.string == "unknown")
        #expect(answer["api_key"]?.string == "sk-unreachable-0123456789")
    }

    @Test func `with the fallback switched off there is nothing else`() async throws {
        let off = try await service(environment: true, globalFallback: false)
        try await off.store("sk-global-0123456789", of: nil)
        #expect(try await resolve(off).outcome == "404 key_not_found")
        let on = try await service(environment: true)
        try await on.store("sk-global-0123456789", of: nil)
        _ = try await on.call(
            .put, "/api/api-keys/settings", bearer: TokenForge.user("alice"), json: #"{"global_fallback":false}"#)
        #expect(try await resolve(on).outcome == "404 key_not_found")
        #expect(try await resolve(on, user: "bob")["source"]?.string == "global")
    }

    @Test func `a user id that can be none is invalid_user_id`() async throws {
        let service = try await service()
        let texts = [
            "", #"\u0000"#, #"alice\n"#, "a\u{7f}", "a\u{85}", #"\u009f"#, String(repeating: "u", count: 65),
            String(repeating: "\u{1f511}", count: 65),
        ]
        for user in texts {
            #expect(try await resolve(service, user: user).outcome == "400 invalid_user_id")
        }
        for user in ["u", String(repeating: "\u{1f511}", count: 64), "../..", "' OR '1'='1", " "] {
            #expect(try await resolve(service, user: user).outcome == "404 key_not_found", "\(user)")
        }
    }

    @Test(arguments: [
        (#"{}"#, "400 missing_member"), (#"{"user_id":"alice"}"#, "400 missing_member"),
        (#"{"provider":"acme"}"#, "400 missing_member"), (#"{"user_id":1,"provider":"acme"}"#, "400 wrong_type"),
        (#"{"user_id":null,"provider":"acme"}"#, "400 wrong_type"),
        (#"{"user_id":"a","provider":1}"#, "400 wrong_type"),
        (#"{"user_id":"a","provider":"nope"}"#, "400 unknown_provider"),
        (#"{"user_id":"a","provider":"acme","name":"a b"}"#, "400 invalid_name"),
        (#"{"user_id":"a","provider":"acme","user":"b"}"#, "400 unknown_member"),
        (#"{"user_id":"a","provider":"acme","user_id":"b"}"#, "400 duplicate_member"), ("[]", "400 wrong_type"),
    ])
    func `a bad body is refused by the same codes`(json: String, expected: String) async throws {
        let service = try await service()
        try await service.store(of: "a")
        #expect(try await resolve(service, json).outcome == expected)
    }

    @Test func `two spellings of a user's name are two users`() async throws {
        let service = try await service()
        try await service.store("sk-composed-0123456789", of: "caf\u{e9}")
        #expect(try await resolve(service, user: #"caf\u00e9"#)["api_key"]?.string == "sk-composed-0123456789")
        #expect(try await resolve(service, user: #"cafe\u0301"#).outcome == "404 key_not_found")
    }

    @Test func `what is handed out is written down first, and so is what is not`() async throws {
        let service = try await service(environment: true)
        let id = "resolve-1"
        try await service.store("sk-alices-0123456789", of: "alice")
        _ = try await service.call(
            .post, "/api/service/resolve", bearer: TestService.serviceToken, headers: [.xRequestID: id],
            json: #"{"user_id":"alice","provider":"acme"}"#)
        let event = try #require(try await service.store.events(limit: 1).first)
        #expect(event.action == .keyUse)
        #expect(event.actor == Actor(kind: .service, id: "alice"))
        #expect(event.owner == .user(try UserID("alice")))
        #expect(event.detail == "user")
        #expect(event.requestID == id)
        try await service.store("sk-revoked-0123456789", of: "alice")
        _ = try await resolve(service)
        #expect(try await service.store.events(limit: 1).first?.outcome == "key_invalid")
        _ = try await resolve(service, user: "bob")
        #expect(try await service.store.events(limit: 1).first?.detail == "environment")
    }

    /// Rows as somebody who can write to the database would leave them. None is answered with a key, nor with a word of
    /// what is wrong with it.
    @Test func `a row that was moved, exchanged or changed is integrity, and no key comes out`() async throws {
        let service = try await service(environment: true)
        try await service.store("sk-global-0123456789", of: nil)
        try await service.store("sk-bobs-0123456789-BOBS", of: "bob")
        let bobs = try #require(try await service.rows(of: "bob").first)
        let carol = try UserID("carol")
        var bodies: Set<[UInt8]> = []
        let changes: [@Sendable (inout UserAPIKey) -> Void] = [
            { $0.owner = .user(carol) },
            {
                $0.owner = .user(carol)
                $0.baseURL = "https://evil.test"
            },
        ]
        for change in changes {
            try await put(bobs, for: carol, in: service, change)
            bodies.insert(try await refusedBody(service, user: "carol"))
        }
        try await service.store("sk-carols-0123456789-CARO", of: "carol")
        let carols = try #require(try await service.rows(of: "carol").first)
        let columns: [@Sendable (inout UserAPIKey) -> Void] = [
            { $0.baseURL = "https://evil.test" }, { $0.keyHint = "XXXX" }, { $0.keyHint = nil }, { $0.kind = "oauth" },
            { $0.keyHash = bobs.keyHash }, { $0.sealed = bobs.sealed },
            { $0.expiresAt = Timestamp(unixSeconds: TokenForge.now + 1000) },
        ]
        for change in columns {
            try await put(carols, for: carol, in: service, change)
            bodies.insert(try await refusedBody(service, user: "carol"))
        }
        #expect(bodies.count == 1)
        try await put(carols, for: carol, in: service) { _ in }
        #expect(try await resolve(service, user: "carol")["api_key"]?.string == "sk-carols-0123456789-CARO")
    }

    private func put(
        _ row: UserAPIKey, for user: UserID, in service: TestService, _ change: @Sendable (inout UserAPIKey) -> Void
    ) async throws {
        var row = row
        change(&row)
        let changed = row
        let event = AuditEvent(at: service.clock.clock.now(), actor: .cli, action: .keySet)
        _ = try await service.store.put(
            KeyReference(.user(user), row.provider, row.name), event: event
        ) { _ in changed }
    }

    private func refusedBody(_ service: TestService, user: String) async throws -> [UInt8] {
        let answer = try await service.call(
            .post, "/api/service/resolve", bearer: TestService.serviceToken, headers: [.xRequestID: "r"],
            json: #"{"user_id":"\#(user)","provider":"acme"}"#)
        #expect(answer.outcome == "500 integrity")
        #expect(!answer.text.contains("sk-"))
        return answer.body
    }
}
