import HTTPTypes
import LatchkeyCore
import LatchkeyCrypto
import LatchkeyTesting
import Testing

@testable import LatchkeyServer

/// What administrators see, and what they do with global keys.
struct AdminRouteTests {
    private let admin = TokenForge.admin("root")

    private func get(_ service: TestService, _ uri: String) async throws -> Answer {
        try await service.call(.get, uri, bearer: admin)
    }

    /// A key of a user whose last check said this.
    private func store(
        _ service: TestService, _ user: String?, _ provider: String, _ verdict: Verdict, name: String = "default"
    ) async throws {
        let key = try await service.store(of: user, provider: provider, name: name)
        let reference = KeyReference(key.owner, key.provider, key.name)
        let now = service.clock.clock.now()
        let event = AuditEvent(
            at: now, actor: .system, action: .keyCheck, owner: key.owner, provider: key.provider, name: key.name,
            detail: verdict.rawValue)
        _ = try await service.store.recordCheck(
            reference, rowVersion: key.sealed.rowVersion,
            check: CheckResult(
                verdict: verdict, evidence: Evidence(httpStatus: 401, code: "nope", checkedAt: now, decisive: true),
                nextCheckAt: nil), event: event)
    }

    @Test func `the overview counts what there is, and says what wants looking at`() async throws {
        let service = try await TestService()
        try await store(service, "alice", "acme", .valid)
        try await store(service, "alice", "acme", .invalid, name: "old")
        try await store(service, "bob", "openai", .expired)
        try await store(service, nil, "acme", .blocked)
        let answer = try await get(service, "/api/admin/overview")
        #expect(answer.status == 200)
        #expect(answer["version"]?.string == "1.2.3" && answer["database"]?.string == "sqlite")
        #expect(answer["nodes"]?.integer == 1 && answer["setup_finished"]?.boolean == false)
        #expect(answer["keys", "total"]?.integer == 3 && answer["keys", "users"]?.integer == 2)
        #expect(answer["keys", "failing"]?.integer == 2)
        #expect(answer["keys", "by_verdict", "invalid"]?.integer == 1)
        #expect(answer["keys", "by_verdict", "no_credit"]?.integer == 0)
        let providers = try #require(answer["keys", "by_provider"]?.elements)
        #expect(providers.map { $0["provider"]?.string } == ["acme", "openai"])
        #expect(providers.map { $0["total"]?.integer } == [2, 1])
        #expect(providers.map { $0["failing"]?.integer } == [1, 1])
        #expect(answer["checks", "succeeded"]?.integer == 1 && answer["checks", "failed"]?.integer == 3)
        #expect(answer["global_keys"]?.integer == 1)
        let alerts = try #require(answer["alerts"]?.elements).map {
            "\($0["severity"]?.string ?? "") \($0["code"]?.string ?? "") \($0["provider"]?.string ?? "-")"
        }
        #expect(
            alerts == [
                "error global_key_failing acme", "warning setup_open -", "warning keys_failing acme",
                "warning keys_failing openai",
            ])
        try await service.gate.finish(by: Caller(.cli))
        #expect(try await get(service, "/api/admin/overview")["setup_finished"]?.boolean == true)
    }

    @Test func `failing keys come in pages, with what the check said and no key`() async throws {
        let service = try await TestService()
        for user in ["a", "b", "caf\u{e9}"] { try await store(service, user, "acme", .invalid) }
        try await store(service, "d", "acme", .valid)
        try await store(service, nil, "acme", .invalid)
        var users: [String?] = []
        var uri = "/api/admin/keys?state=failing&limit=1"
        for _ in 0..<5 {
            let answer = try await get(service, uri)
            let keys = try #require(answer["keys"]?.elements)
            users += keys.map { $0["user_id"]?.string }
            #expect(keys.allSatisfy { $0["check_status"]?.integer == 401 && $0["check_code"]?.string == "nope" })
            #expect(keys.allSatisfy { $0["verdict"]?.string == "invalid" && $0["is_valid"]?.boolean == false })
            #expect(!answer.text.contains("sk-stored"))
            guard let next = answer["next"]?.string else { break }
            uri = "/api/admin/keys?state=failing&limit=1&after=\(next)"
        }
        #expect(users == ["a", "b", "caf\u{e9}"])
    }

    @Test func `users are found by the beginning of their id`() async throws {
        let service = try await TestService()
        for user in ["alice", "alina", "bob", "a%"] { try await service.store(of: user) }
        for (query, expected) in [
            ("", ["a%", "alice", "alina", "bob"]), ("?search=al", ["alice", "alina"]), ("?search=%25", []),
            ("?search=a%25", ["a%"]), ("?search=bob", ["bob"]), ("?search=bobb", []), ("?search=AL", []),
            ("?search='%20OR%20'1'='1", []), ("?search=", ["a%", "alice", "alina", "bob"]),
        ] {
            let answer = try await get(service, "/api/admin/users\(query)")
            #expect(answer["users"]?.elements?.map { $0["user_id"]?.string } == expected, "\(query)")
        }
        let first = try await get(service, "/api/admin/users?limit=3")
        let next = try #require(first["next"]?.string)
        let second = try await get(service, "/api/admin/users?limit=3&after=\(next)")
        #expect(second["users"]?.elements?.map { $0["user_id"]?.string } == ["bob"])
        #expect(second["next"]?.isNull == true)
    }

    @Test func `a global key is checked and deleted, and the event says by whom`() async throws {
        let service = try await TestService()
        try await service.store(of: nil)
        try await service.store(of: nil, name: "spare")
        try await service.store(of: "root")
        let checked = try await service.call(.post, "/api/admin/global-keys/acme/validate?name=spare", bearer: admin)
        #expect(checked.status == 200 && checked["source"]?.string == "global" && checked["name"]?.string == "spare")
        let deleted = try await service.call(.delete, "/api/admin/global-keys/acme", bearer: admin)
        #expect(deleted["deleted"]?.integer == 1)
        #expect(try await service.rows(of: nil).map(\.name.text) == ["spare"])
        #expect(try await service.rows(of: "root").count == 1)
        let event = try #require(try await service.store.events(limit: 1).first)
        #expect(event.actor == .admin(try UserID("root")) && event.action == .keyDelete && event.owner == .global)
        for (method, uri, outcome) in [
            (.delete, "/api/admin/global-keys/acme", "404 key_not_found"),
            (.delete, "/api/admin/global-keys/nowhere", "404 unknown_provider"),
            (.post, "/api/admin/global-keys/nowhere/validate", "404 unknown_provider"),
            (.post, "/api/admin/global-keys/acme/validate?name=a%20b", "400 invalid_name"),
            (.delete, "/api/admin/global-keys/%2e%2e", "404 unknown_provider"),
        ] as [(HTTPRequest.Method, String, String)] {
            #expect(try await service.call(method, uri, bearer: admin).outcome == outcome, "\(uri)")
        }
    }

    @Test(arguments: [
        "keys?state=all", "keys?limit=0", "keys?limit=201", "keys?after=%00", "keys?after=YQ", "keys?after=!!!",
        "keys?after=YR8", "keys?user=a", "users?limit=x", "users?after=YQ==", "users?after=/", "users?search=%00",
        "users?state=failing", "overview?limit=1", "users?search=a&search=b",
    ])
    func `an odd query is refused`(query: String) async throws {
        let answer = try await get(TestService(), "/api/admin/\(query)")
        #expect(answer.status == 400)
    }

    @Test func `alerts of a node that may not write, and of a provider that does not answer`() throws {
        let acme = try #require(ProviderID("acme"))
        func alerts(_ checks: CheckCounts.Count, isWritable: Bool = true) -> [String] {
            AdminOverview(
                keys: KeyCounts(), checks: CheckCounts(since: Timestamp(microseconds: 0), providers: [checks]),
                isSetUp: true, isWritable: isWritable
            ).alerts.map(\.code)
        }
        #expect(alerts(CheckCounts.Count(provider: acme, postponed: 3)) == ["provider_not_answering"])
        #expect(alerts(CheckCounts.Count(provider: acme, succeeded: 1, postponed: 3)) == [])
        #expect(alerts(CheckCounts.Count(provider: acme, failed: 1), isWritable: false) == ["read_only"])
    }
}
