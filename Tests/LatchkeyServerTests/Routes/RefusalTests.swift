import HTTPTypes
import LatchkeyCrypto
import Testing

@testable import LatchkeyServer

/// What a refusal looks like, and that a 401 does not say why.
struct RefusalTests {
    private static func protected(_ service: TestService) -> [RouteTable.Route] {
        service.routes.filter { ![.anyone, .page].contains($0.access) }
    }

    /// Everything that can be wrong with who asks, in one list for every kind of route.
    private static var wrongHeaders: [(String, HTTPFields)] {
        let good = TokenForge.user("alice")
        func bearer(_ token: String) -> HTTPFields { [.authorization: "Bearer \(token)"] }
        var twice = HTTPFields()
        twice.append(HTTPField(name: .authorization, value: "Bearer \(good)"))
        twice.append(HTTPField(name: .authorization, value: "Bearer \(good)"))
        var badFirst = HTTPFields()
        badFirst.append(HTTPField(name: .authorization, value: "Bearer x"))
        badFirst.append(HTTPField(name: .authorization, value: "Bearer \(good)"))
        return [
            ("nothing", [:]), ("empty", [.authorization: ""]), ("scheme only", [.authorization: "Bearer"]),
            ("scheme and blank", [.authorization: "Bearer "]), ("no scheme", [.authorization: good]),
            ("basic", [.authorization: "Basic \(good)"]), ("another scheme", [.authorization: "JWT \(good)"]),
            ("glued", [.authorization: "Bearer\(good)"]), ("two blanks", [.authorization: "Bearer  \(good)"]),
            ("tab", [.authorization: "Bearer\t\(good)"]), ("twice", twice), ("bad first", badFirst),
            ("list", [.authorization: "Bearer \(good), Bearer \(good)"]), ("cookie", [.cookie: "token=\(good)"]),
            ("proxy", [.proxyAuthorization: "Bearer \(good)"]), ("garbage", bearer("not.a.token")),
            ("expired", bearer(TokenForge.token(claims: #"{"sub":"alice","exp":1}"#))),
            ("no exp", bearer(TokenForge.token(claims: #"{"sub":"alice"}"#))),
            ("no sub", bearer(TokenForge.token(claims: #"{"exp":\#(TokenForge.now + 9)}"#))),
            ("other secret", bearer(TokenForge.token(claims: TokenForge.claims("alice"), key: [1, 2, 3]))),
            ("none", bearer(TokenForge.token(header: #"{"alg":"none"}"#, claims: TokenForge.claims("alice")))),
            ("large", bearer(TokenForge.token(claims: TokenForge.claims(String(repeating: "a", count: 9000))))),
            ("set-up, wrong", [.xSetupToken: "wrong"]),
            ("set-up, cut", bearer(String(TestService.setupToken.dropLast()))),
            ("service, cut", bearer(String(TestService.serviceToken.dropLast()))),
            ("service, longer", bearer(TestService.serviceToken + "x")),
            ("service, case", bearer(TestService.serviceToken.uppercased())),
            ("the JWT secret", bearer(String(decoding: TokenForge.secret, as: UTF8.self))),
        ]
    }

    @Test func `one body for each cause of a 401 on each route`() async throws {
        let service = try await TestService()
        try await service.store(of: "alice")
        var bodies: Set<[UInt8]> = []
        var headers: Set<HTTPFields> = []
        for route in Self.protected(service) {
            let uri = route.path.replacing(":provider", with: "acme")
            for (cause, fields) in Self.wrongHeaders {
                var fields = fields
                fields[.xRequestID] = "the-same-for-all"
                let answer = try await service.call(route.method, uri, headers: fields)
                #expect(answer.outcome == "401 unauthorized", "\(route.method) \(uri): \(cause)")
                bodies.insert(answer.body)
                headers.insert(answer.headers)
            }
        }
        #expect(bodies.count == 1)
        #expect(headers.count == 1)
        #expect(headers.first?[.wwwAuthenticate] == "Bearer")
    }

    /// A refusal must not depend on what is asked for either: not on the provider, the body or the key's being there.
    @Test func `nothing of the request shows in a 401`() async throws {
        let service = try await TestService()
        try await service.store(of: "alice")
        var bodies: Set<[UInt8]> = []
        for (method, uri, json) in [
            (HTTPRequest.Method.post, "/api/api-keys/validate/acme", nil), (.post, "/api/api-keys/validate/nope", nil),
            (.post, "/api/api-keys/validate/acme?name=%00", nil), (.delete, "/api/api-keys/ACME", nil),
            (.post, "/api/api-keys/set", "{"), (.post, "/api/api-keys/set", #"{"provider":1}"#),
            (.put, "/api/api-keys/settings", "[]"), (.post, "/api/service/resolve", #"{"user_id":"alice"}"#),
            (.get, "/api/api-keys/status?user_id=bob", nil),
        ] as [(HTTPRequest.Method, String, String?)] {
            let answer = try await service.call(method, uri, bearer: "x", headers: [.xRequestID: "r"], json: json)
            #expect(answer.outcome == "401 unauthorized", "\(uri)")
            bodies.insert(answer.body)
        }
        #expect(bodies.count == 1)
    }

    @Test(arguments: ["Bearer", "bearer", "BEARER", "bEaReR"])
    func `the scheme is read in any case`(scheme: String) async throws {
        let answer = try await TestService().call(
            .get, "/api/api-keys/status", headers: [.authorization: "\(scheme) \(TokenForge.user("alice"))"])
        #expect(answer["user_id"]?.string == "alice")
    }

    @Test func `a token in the query is none`() async throws {
        let token = TokenForge.user("alice")
        let answer = try await TestService().call(.get, "/api/api-keys/status?access_token=\(token)&token=\(token)")
        #expect(answer.outcome == "401 unauthorized")
    }

    /// RFC 9457, and `detail`, which front ends of the reference system read.
    @Test func `a problem document has its six members and says the same as its header`() async throws {
        let service = try await TestService()
        let user = TokenForge.user("alice")
        let answers = [
            try await service.call(.get, "/api/api-keys/status"), try await service.call(.get, "/nowhere"),
            try await service.call(.patch, "/healthz"),
            try await service.call(.post, "/api/api-keys/set", bearer: user),
            try await service.call(.post, "/api/api-keys/set", bearer: user, json: "{"),
            try await service.call(.post, "/api/api-keys/validate/nope", bearer: user),
            try await service.call(.post, "/api/api-keys/validate/acme", bearer: user),
            try await service.call(.get, "/api/api-keys/status-initial", bearer: user),
        ]
        for answer in answers {
            guard case .object(let object) = try StrictJSON.parse(answer.body) else {
                Issue.record("not an object: \(answer.text)")
                continue
            }
            #expect(object.names == ["type", "title", "status", "code", "detail", "request_id"])
            let code = try #require(answer.code)
            #expect(answer.headers[.contentType] == "application/problem+json")
            #expect(answer["type"]?.string == "urn:latchkey:error:\(code)")
            #expect(answer["status"]?.integer == Int64(answer.status))
            #expect(answer["title"]?.string?.isEmpty == false)
            #expect(answer["detail"]?.string?.isEmpty == false)
            #expect(answer["request_id"]?.string == answer.headers[.xRequestID])
            #expect((answer.headers[.wwwAuthenticate] == "Bearer") == (answer.status == 401))
        }
        #expect(Set(answers.compactMap(\.code)).count == answers.count)
    }
}
