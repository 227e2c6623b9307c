import HTTPTypes
import LatchkeyCore
import Testing

/// Somebody else's key is answered exactly like one that does not exist.
struct OwnershipTests {
    private static let requests: [(method: HTTPRequest.Method, uri: String)] = [
        (.post, "/api/api-keys/validate/acme"), (.post, "/api/api-keys/validate/acme?name=work"),
        (.delete, "/api/api-keys/acme"), (.delete, "/api/api-keys/acme?name=work"),
    ]

    @Test func `foreign and missing get the same answer, byte for byte`() async throws {
        let empty = try await TestService()
        let full = try await TestService()
        try await full.store(of: "owner")
        try await full.store("sk-work-0123456789abcdef", of: "owner", name: "work")
        let before = try await full.rows(of: "owner")
        for request in Self.requests {
            let headers: HTTPFields = [.xRequestID: "the-same-for-both"]
            let bearer = TokenForge.user("other")
            let missing = try await empty.call(request.method, request.uri, bearer: bearer, headers: headers)
            let foreign = try await full.call(request.method, request.uri, bearer: bearer, headers: headers)
            #expect(missing.outcome == "404 key_not_found", "\(request)")
            #expect(foreign.status == missing.status)
            #expect(foreign.body == missing.body)
            #expect(foreign.headers == missing.headers)
        }
        #expect(try await full.rows(of: "owner") == before)
    }

    @Test func `an administrator's token opens no user's keys`() async throws {
        let service = try await TestService()
        try await service.store(of: "owner")
        for request in Self.requests {
            let answer = try await service.call(request.method, request.uri, bearer: TokenForge.admin("root"))
            #expect(answer.outcome == "404 key_not_found")
        }
        let status = try await service.call(.get, "/api/api-keys/status", bearer: TokenForge.admin("root"))
        #expect(status["keys"]?.elements?.isEmpty == true)
    }

    /// Ids that a lax comparison would take for one another: case, blanks, and the two spellings of é.
    @Test func `users whose ids only look alike do not meet`() async throws {
        let service = try await TestService()
        let users = ["alice", "Alice", "ALICE", " alice", "alice ", "caf\u{e9}", "cafe\u{301}", "1", "01", "1.0"]
        for (index, user) in users.enumerated() {
            try await service.store("sk-key-number-\(index)-0123456789", of: user, label: "label \(index)")
        }
        for (index, user) in users.enumerated() {
            let answer = try await service.call(.get, "/api/api-keys/status", bearer: TokenForge.user(user))
            #expect(answer["user_id"]?.bytes == Array(user.utf8))
            #expect(answer["keys"]?.elements?.compactMap { $0["label"]?.string } == ["label \(index)"])
        }
        _ = try await service.call(.delete, "/api/api-keys", bearer: TokenForge.user("cafe\u{301}"))
        #expect(try await service.rows(of: "cafe\u{301}").isEmpty)
        #expect(try await service.rows(of: "caf\u{e9}").count == 1)
    }

    @Test func `a user's switch is that user's alone`() async throws {
        let service = try await TestService()
        let body = #"{"global_fallback":false}"#
        _ = try await service.call(.put, "/api/api-keys/settings", bearer: TokenForge.user("alice"), json: body)
        for (user, expected) in [("alice", false), ("bob", true)] {
            let settings = try await service.call(.get, "/api/api-keys/settings", bearer: TokenForge.user(user))
            #expect(settings["global_fallback"]?.boolean == expected)
            let status = try await service.call(.get, "/api/api-keys/status", bearer: TokenForge.user(user))
            #expect(status["global_fallback"]?.boolean == expected)
        }
    }

    @Test func `deleting all is deleting one's own, and says how many`() async throws {
        let service = try await TestService()
        for name in ["one", "two", "three"] { try await service.store(of: "alice", name: name) }
        try await service.store(of: "bob")
        try await service.store(of: nil)
        let answer = try await service.call(.delete, "/api/api-keys/", bearer: TokenForge.user("alice"))
        #expect(answer["deleted"]?.integer == 3)
        let again = try await service.call(.delete, "/api/api-keys", bearer: TokenForge.user("alice"))
        #expect(again["deleted"]?.integer == 0)
        #expect(try await service.rows(of: "bob").count == 1)
        #expect(try await service.rows(of: nil).count == 1)
    }
}
