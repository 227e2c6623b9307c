import HTTPTypes
import LatchkeyCore
import LatchkeyCrypto
import LatchkeyTesting
import Testing

@testable import LatchkeyServer

/// What an access token opens: route × scope × holder, from the route table.
struct AccessTokenScopeTests {
    enum Holder: CaseIterable, Sendable { case user, service }

    /// The scope that opens a route, where one does. What is not named here opens for none.
    static let scopes: [String: AccessGrant.Scope] = [
        "POST /api/api-keys/set": .manage, "POST /api/api-keys/validate/:provider": .manage,
        "PUT /api/api-keys/settings": .manage, "DELETE /api/api-keys/:provider": .manage,
        "DELETE /api/api-keys": .manage, "POST /api/api-keys/:provider/default": .manage,
        "GET /api/api-keys/status": .status, "GET /api/api-keys/settings": .status,
        "POST /api/service/resolve": .resolve, "POST /api/service/usage": .resolve, "GET /api/usage": .status,
        "GET /api/usage/events": .status, "GET /api/budgets": .status, "PUT /api/budgets": .manage,
        "DELETE /api/budgets": .manage,
    ]

    private static func token(
        _ holder: Holder, _ scopes: Set<AccessGrant.Scope>, _ service: TestService, providers: [String] = []
    ) async throws -> String {
        let owner = holder == .user ? KeyOwner.user(try UserID("owner")) : .global
        let made = try await service.tokens.create(
            AccessTokenRequest(scopes: scopes, providers: providers.compactMap { ProviderID($0) }), of: owner,
            by: Caller(.cli))
        return made.text.secret.withUnsafeBytes { String(decoding: $0, as: UTF8.self) }
    }

    @Test(arguments: AccessGrant.Scope.allCases, Holder.allCases)
    func `a scope opens its routes and no others`(scope: AccessGrant.Scope, holder: Holder) async throws {
        for route in try await TestService().routes where ![.anyone, .page].contains(route.access) {
            let key = "\(route.method.rawValue) \(route.path)"
            let row = try #require(RouteMatrixTests.table[key])
            let service = try await TestService()
            try await service.store("sk-owners-0123456789-HINT", of: "owner")
            let before = try await service.rows(of: "owner")
            let token = try await Self.token(holder, [scope], service)
            let answer = try await service.call(
                route.method, row.uri, bearer: token,
                headers: holder == .service && route.access == .user ? [.latchkeyUser: "owner"] : [:], json: row.json)
            let expected: String? =
                switch Self.scopes[key] {
                case scope: nil
                case nil: "401 unauthorized"
                default: "403 forbidden"
                }
            if let expected {
                #expect(answer.outcome == expected, "\(key)")
                #expect(try await service.rows(of: "owner") == before, "\(key)")
                #expect(!answer.text.contains("sk-owners"), "\(key)")
            } else {
                #expect(![401, 403].contains(answer.status), "\(key): \(answer.text)")
                #expect(answer.text.contains("sk-owners") == (key == "POST /api/service/resolve"), "\(key)")
            }
        }
    }

    @Test func `a service's token names the user, a user's token must not`() async throws {
        let service = try await TestService()
        try await service.store("sk-owners-0123456789-HINT", of: "owner")
        let ofService = try await Self.token(.service, [.status], service)
        let ofUser = try await Self.token(.user, [.status], service)
        let path = "/api/api-keys/status"
        for (token, headers, outcome) in [
            (ofService, [:], "400 missing_user"), (ofService, [.latchkeyUser: "owner"], "200"),
            (ofService, [.latchkeyUser: ""], "400 invalid_user_id"), (ofUser, [:], "200"),
            (ofUser, [.latchkeyUser: "owner"], "400 user_id_not_allowed"),
            (ofUser, [.latchkeyUser: "other"], "400 user_id_not_allowed"),
            (TokenForge.user("owner"), [.latchkeyUser: "owner"], "400 user_id_not_allowed"),
        ] as [(String, HTTPFields, String)] {
            #expect(try await service.call(.get, path, bearer: token, headers: headers).outcome == outcome)
        }
        let answer = try await service.call(.get, path, bearer: ofService, headers: [.latchkeyUser: "other"])
        #expect(answer.text.contains(#""user_id":"other""#) && !answer.text.contains("HINT"))
    }

    @Test func `a user's token resolves that user's own keys, never another's or a global one`() async throws {
        let service = try await TestService()
        try await service.store("sk-owners-0123456789-HINT", of: "owner")
        try await service.store("sk-others-0123456789-HINT", of: "other")
        try await service.store("sk-global-0123456789-HINT", of: nil, provider: "openai")
        let ofUser = try await Self.token(.user, [.resolve], service)
        let ofService = try await Self.token(.service, [.resolve], service)
        for (token, json, outcome) in [
            (ofUser, #"{"provider":"acme"}"#, "200"), (ofUser, #"{"provider":"acme","user_id":"owner"}"#, "200"),
            (ofUser, #"{"provider":"acme","user_id":"other"}"#, "400 user_id_not_allowed"),
            (ofUser, #"{"provider":"openai"}"#, "404 key_not_found"),
            (ofService, #"{"provider":"acme"}"#, "400 missing_member"),
            (ofService, #"{"provider":"acme","user_id":"other"}"#, "200"),
            (ofService, #"{"provider":"openai","user_id":"other"}"#, "200"),
        ] {
            let answer = try await service.call(.post, "/api/service/resolve", bearer: token, json: json)
            #expect(answer.outcome == outcome, "\(json)")
            #expect(!answer.text.contains("sk-global") || token == ofService)
            #expect(!answer.text.contains("sk-others") || token == ofService)
        }
    }

    @Test(arguments: Holder.allCases)
    func `a token for one provider neither sees nor touches another`(holder: Holder) async throws {
        let service = try await TestService()
        try await service.store("sk-acmes-0123456789-ACME", of: "owner")
        try await service.store("sk-betas-0123456789-BETA", of: "owner", provider: "openai")
        let token = try await Self.token(holder, Set(AccessGrant.Scope.allCases), service, providers: ["acme"])
        let headers: HTTPFields = holder == .service ? [.latchkeyUser: "owner"] : [:]
        func call(_ method: HTTPRequest.Method, _ uri: String, _ json: String? = nil) async throws -> Answer {
            try await service.call(method, uri, bearer: token, headers: headers, json: json)
        }
        let status = try await call(.get, "/api/api-keys/status")
        #expect(status.text.contains("ACME") && !status.text.contains("BETA") && !status.text.contains("openai"))
        for (method, uri, json) in [
            (.post, "/api/api-keys/set", #"{"provider":"openai","api_key":"sk-new-0123456789abcdef"}"#),
            (.post, "/api/api-keys/validate/openai", nil), (.delete, "/api/api-keys/openai", nil),
            (.delete, "/api/api-keys", nil), (.put, "/api/api-keys/settings", #"{"global_fallback":false}"#),
            (.post, "/api/service/resolve", #"{"provider":"openai","user_id":"owner"}"#),
        ] as [(HTTPRequest.Method, String, String?)] {
            #expect(try await call(method, uri, json).outcome == "403 forbidden", "\(uri)")
        }
        #expect(try await service.rows(of: "owner").count == 2)
        #expect(try await call(.post, "/api/api-keys/validate/acme").outcome == "200")
        #expect(try await call(.delete, "/api/api-keys/acme").outcome == "200")
    }

    @Test func `what is wrong with a token is one answer`() async throws {
        let service = try await TestService()
        let owner = KeyOwner.user(try UserID("owner"))
        func make(_ request: AccessTokenRequest) async throws -> (id: String, text: String) {
            let made = try await service.tokens.create(request, of: owner, by: Caller(.cli))
            return (made.row.id, made.text.secret.withUnsafeBytes { String(decoding: $0, as: UTF8.self) })
        }
        let good = try await make(AccessTokenRequest(scopes: [.status]))
        let elsewhere = try await make(
            AccessTokenRequest(scopes: [.status], networks: [try #require(Network(parsing: "192.0.2.0/24".utf8))]))
        let expired = try await make(
            AccessTokenRequest(scopes: [.status], expiresAt: service.clock.clock.now().advanced(bySeconds: 1)))
        let revoked = try await make(AccessTokenRequest(scopes: [.status]))
        service.clock.advance(seconds: 1)
        try await service.tokens.revoke(revoked.id, of: owner, by: Caller(.cli))
        #expect(try await service.call(.get, "/api/api-keys/status", bearer: good.text).outcome == "200")
        let spoilt = String(good.text.dropLast(2)) + (good.text.hasSuffix("AA") ? "BA" : "AA")
        for text in [elsewhere.text, expired.text, revoked.text, spoilt, good.text + "x", "lk_"] {
            let answer = try await service.call(.get, "/api/api-keys/status", bearer: text)
            #expect(answer.outcome == "401 unauthorized")
        }
    }
}
