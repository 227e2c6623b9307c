import HTTPTypes
import LatchkeyCore
import LatchkeyCrypto
import Testing

@testable import LatchkeyServer

/// The first set-up: who may store global keys, and until when.
struct SetupTests {
    private static let key = "sk-global-0123456789abcdef"
    private static let set = "/api/api-keys/set-initial"
    private static let status = "/api/api-keys/status-initial"

    private static func body(_ more: String = "") -> String { #"{"provider":"acme","api_key":"\#(key)"\#(more)}"# }

    private static func bearer(_ token: String) -> HTTPFields { [.authorization: "Bearer \(token)"] }

    private func setAndStatus(_ service: TestService, _ headers: HTTPFields) async throws -> [String] {
        [
            try await service.call(.post, Self.set, headers: headers, json: Self.body()).outcome,
            try await service.call(.get, Self.status, headers: headers).outcome,
        ]
    }

    @Test func `the token opens by either header, and an administrator's JWT does`() async throws {
        for headers in [
            Self.bearer(TestService.setupToken), [.xSetupToken: TestService.setupToken],
            Self.bearer(TokenForge.admin("root")),
        ] {
            let service = try await TestService()
            let answer = try await service.call(.post, Self.set, headers: headers, json: Self.body(#","label":"ours""#))
            #expect(answer.status == 200)
            #expect(answer["source"]?.string == "global")
            #expect(answer["verdict"]?.string == "valid")
            #expect(!answer.text.contains(Self.key))
            let status = try await service.call(.get, Self.status, headers: headers)
            #expect(status["setup_finished"]?.boolean == false)
            #expect(status["keys"]?.elements?.compactMap { $0["label"]?.string } == ["ours"])
            #expect(!status.text.contains(Self.key))
            #expect(try await service.rows(of: nil).count == 1)
            #expect(try await service.rows(of: "root").isEmpty)
        }
    }

    @Test(arguments: [[], ["user"], ["Admin"], ["administrator"], ["reader", "ADMIN"]])
    func `a user who is no administrator is forbidden, and told nothing`(roles: [String]) async throws {
        let service = try await TestService()
        try await service.store(of: nil, label: "the-global-label")
        let headers = Self.bearer(TokenForge.token(claims: TokenForge.claims("alice", roles: roles)))
        let before = try await service.rows(of: nil)
        let answer = try await service.call(.get, Self.status, headers: headers)
        #expect(answer.outcome == "403 forbidden")
        #expect(!answer.text.contains("acme") && !answer.text.contains("the-global-label"))
        #expect(try await setAndStatus(service, headers) == ["403 forbidden", "403 forbidden"])
        #expect(try await service.rows(of: nil) == before)
    }

    @Test func `any other token is a 401, before the end of set-up and after`() async throws {
        let service = try await TestService()
        let token = TestService.setupToken
        let wrong: [String] = [
            "x", "", String(token.dropLast()), token + "x", token.uppercased(), " \(token)", "\(token),\(token)",
            TestService.serviceToken, String(decoding: TokenForge.secret, as: UTF8.self),
        ]
        for isFinished in [false, true] {
            if isFinished { try await service.gate.finish(by: Caller(.cli)) }
            for token in wrong {
                #expect(
                    try await setAndStatus(service, Self.bearer(token)) == ["401 unauthorized", "401 unauthorized"],
                    "\(token)")
                // A field's value is trimmed, so the one with a blank is the token itself here.
                guard !token.hasPrefix(" ") else { continue }
                #expect(
                    try await setAndStatus(service, [.xSetupToken: token]) == ["401 unauthorized", "401 unauthorized"],
                    "\(token)")
            }
        }
        #expect(try await service.rows(of: nil).isEmpty)
    }

    @Test func `a wrong set-up token is not mended by a good bearer token, nor one sent twice`() async throws {
        let service = try await TestService()
        var headers = Self.bearer(TokenForge.admin("root"))
        headers[.xSetupToken] = "wrong"
        #expect(try await setAndStatus(service, headers) == ["401 unauthorized", "401 unauthorized"])
        var twice = HTTPFields()
        twice.append(HTTPField(name: .xSetupToken, value: TestService.setupToken))
        twice.append(HTTPField(name: .xSetupToken, value: TestService.setupToken))
        #expect(try await setAndStatus(service, twice) == ["401 unauthorized", "401 unauthorized"])
    }

    @Test func `the set-up token opens no other door`() async throws {
        let service = try await TestService()
        for route in service.routes where route.access == .user || route.access == .service {
            let uri = route.path.replacing(":provider", with: "acme")
            for headers in [Self.bearer(TestService.setupToken), [.xSetupToken: TestService.setupToken]] {
                #expect(try await service.call(route.method, uri, headers: headers).outcome == "401 unauthorized")
            }
        }
    }

    @Test func `finishing closes it for the token, and an administrator goes on`() async throws {
        let service = try await TestService()
        let token = Self.bearer(TestService.setupToken)
        let answer = try await service.call(.post, Self.set, headers: token, json: Self.body(#","finish":true"#))
        #expect(answer.status == 200)
        let before = try await service.rows(of: nil)
        #expect(before.count == 1)
        for headers in [token, [.xSetupToken: TestService.setupToken]] {
            #expect(try await setAndStatus(service, headers) == ["403 setup_closed", "403 setup_closed"])
        }
        #expect(try await service.rows(of: nil) == before)
        let admin = Self.bearer(TokenForge.admin("root"))
        #expect(try await setAndStatus(service, admin) == ["200", "200"])
        #expect(try await service.call(.get, Self.status, headers: admin)["setup_finished"]?.boolean == true)
        #expect(try await service.rows(of: nil).first?.sealed.rowVersion == 2)
    }

    @Test func `a body that is refused finishes nothing`() async throws {
        let service = try await TestService()
        let token = Self.bearer(TestService.setupToken)
        for body in [
            #"{"provider":"acme","api_key":"********","finish":true}"#,
            #"{"provider":"nope","api_key":"sk-a","finish":true}"#,
            #"{"provider":"acme","finish":true}"#, Self.body(#","finish":true,"user_id":"alice""#),
            Self.body(#","finish":"yes""#),
            #"{"provider":"acme","api_key":"sk-revoked-0123456789","require_valid":true,"finish":true}"#,
        ] {
            let answer = try await service.call(.post, Self.set, headers: token, json: body)
            #expect((400...422).contains(answer.status), "\(body)")
            #expect(try await !service.gate.isFinished(), "\(body)")
        }
        #expect(try await service.rows(of: nil).isEmpty)
    }

    @Test func `each change says who made it`() async throws {
        let service = try await TestService()
        _ = try await service.call(
            .post, Self.set, headers: Self.bearer(TokenForge.admin("root")), json: Self.body())
        _ = try await service.call(
            .post, Self.set, headers: Self.bearer(TestService.setupToken), json: Self.body(#","finish":true"#))
        let events = try await service.store.events(limit: 10).reversed()
        #expect(events.map(\.action) == [.keySet, .keySet, .setupFinish])
        #expect(events.map(\.actor) == [.admin(try UserID("root")), .setup, .setup])
    }

    @Test func `the environment's providers are named, their keys are not`() async throws {
        let service = try await TestService(
            TestService.Options(environment: ["ACME_API_KEY": "sk-environment-0123456789"]))
        let status = try await service.call(.get, Self.status, headers: Self.bearer(TestService.setupToken))
        #expect(status["environment"]?.elements?.compactMap(\.string) == ["acme"])
        #expect(!status.text.contains("sk-environment"))
    }

    /// A check at the provider may take ten seconds. Whoever finishes set-up in that time has finished it.
    @Test(.timeLimit(.minutes(5)))
    func `a key whose check was still under way when set-up was finished is not stored`() async throws {
        let service = try await TestService()
        let token = Self.bearer(TestService.setupToken)
        let (arrived, release) = service.provider.holdNext()
        async let late = service.call(.post, Self.set, headers: token, json: Self.body(#","name":"late""#))
        await arrived.wait()
        let body = #"{"provider":"acme","api_key":"sk-last-0123456789","validate":false,"finish":true}"#
        #expect(try await service.call(.post, Self.set, headers: token, json: body).status == 200)
        release.open()
        #expect(try await late.outcome == "403 setup_closed")
        #expect(try await service.rows(of: nil).map(\.name.text) == ["default"])
    }
}
