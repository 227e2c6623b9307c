import HTTPTypes
import LatchkeyCore
import LatchkeyCrypto
import LatchkeyTesting
import Testing

@testable import LatchkeyServer

/// `GET /api/activity`: one's own audit events.
struct ActivityRouteTests {
    private func activity(_ service: TestService, _ query: String = "", of user: String = "owner") async throws
        -> Answer
    {
        try await service.call(.get, "/api/activity\(query)", bearer: TokenForge.user(user))
    }

    @Test func `what was done is there, newest first, without a key`() async throws {
        let service = try await TestService()
        let owner = TokenForge.user("owner")
        _ = try await service.call(
            .post, "/api/api-keys/set", bearer: owner, headers: [.xRequestID: "first"],
            json: #"{"provider":"acme","api_key":"sk-secret-0123456789abcdef"}"#)
        _ = try await service.call(
            .post, "/api/service/resolve", bearer: TestService.serviceToken, headers: [.xRequestID: "second"],
            json: #"{"user_id":"owner","provider":"acme"}"#)
        _ = try await service.call(.delete, "/api/api-keys/acme", bearer: owner, headers: [.xRequestID: "third"])
        let answer = try await activity(service)
        let events = try #require(answer["events"]?.elements)
        #expect(events.map { $0["action"]?.string } == ["key.delete", "key.use", "key.set"])
        #expect(events.map { $0["request_id"]?.string } == ["third", "second", "first"])
        #expect(events.map { $0["actor"]?.string } == ["user", "service", "user"])
        #expect(events.allSatisfy { $0["provider"]?.string == "acme" && $0["outcome"]?.string == "ok" })
        #expect(answer["next"]?.isNull == true && answer["uses_since"]?.isNull == true)
        #expect(!answer.text.contains("sk-secret"))
        #expect(try await activity(service, of: "other")["events"]?.elements?.isEmpty == true)
    }

    @Test func `pages lead from one to the next`() async throws {
        let service = try await TestService()
        for index in 0..<5 {
            for user in ["owner", "other"] {
                try await service.store(of: user, name: "n\(index)")
            }
        }
        var names: [String?] = []
        var query = "?limit=2"
        for _ in 0..<3 {
            let answer = try await activity(service, query)
            names += try #require(answer["events"]?.elements).map { $0["name"]?.string }
            guard let next = answer["next"]?.string else { break }
            query = "?limit=2&before=\(next)"
        }
        #expect(names == ["n4", "n3", "n2", "n1", "n0"])
    }

    @Test(arguments: [
        "?limit=0", "?limit=201", "?limit=-1", "?limit=1e3", "?limit=99999999999999999999", "?limit=%31%00",
        "?before=x", "?before=-1", "?before=+1", "?before=1.0", "?before=99999999999999999999", "?before=%F0%9F%94%91",
        "?limit=1&limit=1", "?user=other", "?foo", "?before=1-2",
    ])
    func `an odd query is refused`(query: String) async throws {
        let answer = try await activity(TestService(), query)
        #expect(answer.outcome == "400 invalid_request")
    }

    @Test func `no access token opens it, and nobody names a user`() async throws {
        let service = try await TestService()
        for holder in [KeyOwner.user(try UserID("owner")), .global] {
            let made = try await service.tokens.create(
                AccessTokenRequest(scopes: Set(AccessGrant.Scope.allCases)), of: holder, by: Caller(.cli))
            let token = made.text.secret.withUnsafeBytes { String(decoding: $0, as: UTF8.self) }
            let answer = try await service.call(
                .get, "/api/activity", bearer: token, headers: holder == .global ? [.latchkeyUser: "owner"] : [:])
            #expect(answer.outcome == "401 unauthorized")
        }
        #expect(try await activity(service, "?user_id=other").outcome == "400 user_id_not_allowed")
    }
}
