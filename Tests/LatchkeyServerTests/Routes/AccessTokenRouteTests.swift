import Foundation
import HTTPTypes
import LatchkeyCore
import LatchkeyCrypto
import LatchkeyTesting
import Testing

@testable import LatchkeyServer

/// Tokens over HTTP: made, shown once, listed, revoked, rolled; and whom the gateway takes a credential for.
struct AccessTokenRouteTests {
    private static let wanted = #"""
        {"label":"laptop","scopes":["gateway","status"],"providers":["acme"],"models":["gpt-*"],
         "networks":["10.0.0.0/8","2001:db8::/32"],"expires_at":"2026-02-01T00:00:00Z",
         "limits":[{"metric":"money","per":"day","amount":5000000},{"metric":"requests","per":"minute","amount":60}]}
        """#

    private func object(_ answer: Answer) throws -> [String: Any] {
        try #require(try JSONSerialization.jsonObject(with: Data(answer.body)) as? [String: Any])
    }

    private func list(_ service: TestService, _ path: String, _ bearer: String) async throws -> [[String: Any]] {
        let answer = try await service.call(.get, path, bearer: bearer)
        #expect(answer.status == 200)
        return try #require(try object(answer)["access_tokens"] as? [[String: Any]])
    }

    @Test(arguments: ["/api/access-tokens", "/api/admin/access-tokens"])
    func `a token is shown once and listed without its secret`(path: String) async throws {
        let service = try await TestService()
        let admin = TokenForge.admin("root")
        let answer = try await service.call(.post, path, bearer: admin, json: Self.wanted)
        #expect(answer.status == 201)
        let made = try object(answer)
        let token = try #require(made["token"] as? String)
        let parsed = AccessToken(Array(token.utf8))?.id
        #expect(parsed == made["id"] as? String)
        let listed = try await list(service, path, admin)
        #expect(listed.count == 1)
        var shown = made
        shown["token"] = nil
        #expect(NSDictionary(dictionary: listed[0]) == NSDictionary(dictionary: shown))
        #expect(listed[0]["scopes"] as? [String] == ["gateway", "status"])
        #expect(listed[0]["networks"] as? [String] == ["10.0.0.0/8", "2001:db8::/32"])
        #expect(listed[0]["state"] as? String == "live")
        #expect(listed[0]["expires_at"] as? String == "2026-02-01T00:00:00Z")
        let limits = try #require(listed[0]["limits"] as? [[String: Any]])
        #expect(limits.map { $0["amount"] as? Int } == [5_000_000, 60])
        let text = try await service.call(.get, path, bearer: admin).text
        #expect(!text.contains(token.dropFirst(20)))
        // Neither list shows what the other one's owner has.
        let other = path == "/api/access-tokens" ? "/api/admin/access-tokens" : "/api/access-tokens"
        #expect(try await list(service, other, admin).isEmpty)
    }

    @Test func `a token rolled over HTTP and revoked`() async throws {
        let service = try await TestService()
        let owner = TokenForge.user("owner")
        let made = try object(
            try await service.call(.post, "/api/access-tokens", bearer: owner, json: #"{"scopes":["status"]}"#))
        let (id, old) = try (#require(made["id"] as? String), #require(made["token"] as? String))
        let other = TokenForge.user("other")
        for (method, uri) in [(.delete, "/\(id)"), (.post, "/\(id)/roll")] as [(HTTPRequest.Method, String)] {
            let answer = try await service.call(method, "/api/access-tokens\(uri)", bearer: other)
            #expect(answer.outcome == "404 token_not_found")
            let byItself = try await service.call(method, "/api/access-tokens\(uri)", bearer: old)
            #expect(byItself.outcome == "401 unauthorized")
        }
        let answer = try await service.call(
            .post, "/api/access-tokens/\(id)/roll", bearer: owner, json: #"{"overlap_seconds":60}"#)
        #expect(answer.status == 201)
        let new = try #require(try object(answer)["token"] as? String)
        for token in [old, new] {
            #expect(try await service.call(.get, "/api/api-keys/settings", bearer: token).outcome == "200")
        }
        service.clock.advance(seconds: 60)
        #expect(try await service.call(.get, "/api/api-keys/settings", bearer: old).outcome == "401 unauthorized")
        let newID = try #require(try object(answer)["id"] as? String)
        for _ in 0..<2 {
            let revoked = try await service.call(
                .delete, "/api/access-tokens/\(newID)", bearer: owner)
            #expect(revoked.outcome == "200")
        }
        #expect(try await service.call(.get, "/api/api-keys/settings", bearer: new).outcome == "401 unauthorized")
    }

    @Test(arguments: [
        ("{}", "400 missing_member"), (#"{"scopes":[]}"#, "400 invalid_token"),
        (#"{"scopes":["admin"]}"#, "400 invalid_token"), (#"{"scopes":"status"}"#, "400 wrong_type"),
        (#"{"scopes":[1]}"#, "400 wrong_type"), (#"{"scopes":["status","status"]}"#, "400 invalid_token"),
        (#"{"scopes":["status"],"providers":["nobody"]}"#, "400 unknown_provider"),
        (#"{"scopes":["status"],"providers":["A"]}"#, "400 unknown_provider"),
        (#"{"scopes":["status"],"networks":["10.0.0.1/8"]}"#, "400 invalid_token"),
        (#"{"scopes":["status"],"limits":[{"metric":"money","per":"day"}]}"#, "400 missing_member"),
        (#"{"scopes":["status"],"limits":[{"metric":"money","per":"day","amount":5.0}]}"#, "400 wrong_type"),
        (#"{"scopes":["status"],"limits":[{"metric":"gold","per":"day","amount":5}]}"#, "400 invalid_limit"),
        (#"{"scopes":["status"],"limits":[{"metric":"money","per":"week","amount":5}]}"#, "400 invalid_limit"),
        (#"{"scopes":["status"],"limits":[{"metric":"money","per":"day","amount":-5}]}"#, "400 invalid_limit"),
        (#"{"scopes":["status"],"limits":[{"metric":"money","per":"day","amount":5,"x":1}]}"#, "400 unknown_member"),
        (#"{"scopes":["status"],"limits":[5]}"#, "400 wrong_type"),
        (#"{"scopes":["status"],"expires_at":"2020-01-01T00:00:00Z"}"#, "400 invalid_expiry"),
        (#"{"scopes":["status"],"label":"a\u0000b"}"#, "400 invalid_label"),
        (#"{"scopes":["status"],"user_id":"other"}"#, "400 unknown_member"),
    ])
    func `what cannot be made is refused`(json: String, outcome: String) async throws {
        let service = try await TestService()
        let owner = TokenForge.user("owner")
        let answer = try await service.call(.post, "/api/access-tokens", bearer: owner, json: json)
        #expect(answer.outcome == outcome)
        #expect(try await list(service, "/api/access-tokens", owner).isEmpty)
    }

    @Test func `the gateway's callers`() async throws {
        let service = try await TestService()
        func make(_ owner: KeyOwner, _ scope: AccessGrant.Scope) async throws -> [UInt8] {
            let request = AccessTokenRequest(scopes: [scope])
            let made = try await service.tokens.create(request, of: owner, by: Caller(.cli))
            return made.text.secret.withUnsafeBytes { Array($0) }
        }
        let authentication = service.authentication
        func ask(_ credential: [UInt8], _ user: String?) async -> String {
            do {
                let caller = try await authentication.gatewayCaller(
                    credential: credential, actingFor: user.map { Array($0.utf8) }, from: nil)
                return "\(caller.user.text) \(caller.actor.kind.rawValue) \(caller.grant == nil ? "all" : "grant")"
            } catch { return (error as? LatchkeyError)?.code.rawValue ?? "\(error)" }
        }
        let owner = KeyOwner.user(try UserID("owner"))
        let ofUser = try await make(owner, .gateway)
        let ofService = try await make(.global, .gateway)
        let jwt = Array(TokenForge.user("owner").utf8)
        let plain = Array(TestService.serviceToken.utf8)
        #expect(await ask(jwt, nil) == "owner user all")
        #expect(await ask(jwt, "owner") == "user_id_not_allowed")
        #expect(await ask(ofUser, nil) == "owner user grant")
        #expect(await ask(ofUser, "other") == "user_id_not_allowed")
        #expect(await ask(ofService, "other") == "other service grant")
        #expect(await ask(ofService, nil) == "missing_user")
        #expect(await ask(ofService, "a\u{1}") == "invalid_user_id")
        #expect(await ask(plain, "other") == "other service all")
        #expect(await ask(plain, nil) == "missing_user")
        for scope in AccessGrant.Scope.allCases where scope != .gateway {
            for owner in [owner, .global] {
                let token = try await make(owner, scope)
                #expect(await ask(token, owner == .global ? "other" : nil) == "forbidden")
            }
        }
        for wrong in [[], Array("lk_".utf8), ofUser.dropLast() + [0x21], Array(TestService.setupToken.utf8)] {
            #expect(await ask(Array(wrong), "other") == "unauthorized")
        }
    }
}
