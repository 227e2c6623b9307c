import Foundation
import HTTPTypes
import LatchkeyCore
import LatchkeyCrypto
import LatchkeyTesting
import Testing

@testable import LatchkeyServer

/// Sums and single events: whose, of when, and in which form.
struct UsageRouteTests {
    private let service: TestService
    private let now: Timestamp

    init() async throws {
        service = try await TestService()
        now = service.clock.clock.now()
    }

    /// Usage as the gateway would have left it.
    private func write(
        _ count: Int, of user: String, model: String? = "gpt-4o", daysAgo: Int64 = 0, provider: String = "openai",
        key: String = "default", cost: Int64? = 5
    ) async throws {
        let events = try (0..<count).map { _ in
            UsageEvent(
                id: UUID().uuidString,
                at: now.advanced(bySeconds: -daysAgo * 86_400), origin: .gateway, user: try UserID(user),
                provider: try #require(ProviderID(provider)), keyName: try KeyName(key), model: model,
                tokens: TokenCounts(input: 10, output: 2, cachedInput: 1), cost: cost)
        }
        #expect(try await service.recorder.report(events) == count)
    }

    private func get(_ uri: String, as bearer: String, headers: HTTPFields = [:]) async throws -> Answer {
        try await service.call(.get, uri, bearer: bearer, headers: headers)
    }

    @Test func `a user sees their own usage, an administrator everyone's`() async throws {
        try await write(3, of: "alice")
        try await write(2, of: "bob")
        for (user, count) in [("alice", 3), ("bob", 2), ("carol", 0)] {
            let sums = try await get("/api/usage", as: TokenForge.user(user))
            #expect(sums["totals", "requests"]?.integer == Int64(count))
            let events = try await get("/api/usage/events", as: TokenForge.user(user))
            #expect(events["events"]?.elements?.count == count)
        }
        let admin = TokenForge.admin("root")
        let all = try await get("/api/admin/usage?by=user", as: admin)
        #expect(all["totals", "requests"]?.integer == 5)
        #expect(all["usage"]?.elements?.map { $0["user_id"]?.string } == ["alice", "bob"])
        let one = try await get("/api/admin/usage?user=bob", as: admin)
        #expect(one["totals", "requests"]?.integer == 2)
        #expect(try await get("/api/usage", as: admin)["totals", "requests"]?.integer == 0)
    }

    @Test func `sums are by what is asked for, and by a key's provider with its name`() async throws {
        try await write(2, of: "alice", model: "gpt-4o")
        try await write(1, of: "alice", model: "other", daysAgo: 1, key: "work")
        let user = TokenForge.user("alice")
        let byDay = try await get("/api/usage", as: user)
        #expect(byDay["by"]?.elements?.map(\.string) == ["day"])
        #expect(byDay["usage"]?.elements?.map { $0["requests"]?.integer } == [1, 2])
        #expect(byDay["usage"]?.elements?.last?["day"]?.string == now.day)
        #expect(byDay["usage"]?.elements?.first?["model"] == nil)
        let byKey = try await get("/api/usage?by=model,key", as: user)
        #expect(byKey["by"]?.elements?.map(\.string) == ["provider", "model", "key"])
        #expect(byKey["usage"]?.elements?.map { $0["key"]?.string } == ["default", "work"])
        #expect(byKey["usage"]?.elements?.map { $0["provider"]?.string } == ["openai", "openai"])
        #expect(byKey["usage"]?.elements?.map { $0["cached_tokens"]?.integer } == [2, 1])
    }

    @Test func `the range is half open and thirty days long`() async throws {
        for day in [0, 1, 29, 30] as [Int64] { try await write(1, of: "alice", daysAgo: day) }
        let user = TokenForge.user("alice")
        #expect(try await get("/api/usage", as: user)["totals", "requests"]?.integer == 3)
        let days = "from=\(now.advanced(bySeconds: -86_400).day)&to=\(now.day)"
        #expect(try await get("/api/usage?\(days)", as: user)["totals", "requests"]?.integer == 1)
        let moment = "from=\(now.rfc3339)&to=\(now.advanced(bySeconds: 1).rfc3339)"
        #expect(try await get("/api/usage?\(moment)", as: user)["totals", "requests"]?.integer == 1)
        let before = "from=\(now.advanced(bySeconds: -60).rfc3339)&to=\(now.rfc3339)"
        #expect(try await get("/api/usage/events?\(before)", as: user)["events"]?.elements?.isEmpty == true)
    }

    @Test(arguments: [
        "from=yesterday", "from=2026-02-30", "from=2026-08-01&to=2026-08-01", "from=2020-01-01&to=2026-08-01",
        "by=user", "by=days", "by=day,day", "by=day,", "by=Day", "limit=0", "limit=10001", "limit=1e3", "limit=x",
        "offset=-1", "format=xml", "user=bob", "nothing=1", "by=day&by=day", "b%79=nonsense",
    ])
    func `a query that is not understood is refused`(query: String) async throws {
        let answer = try await get("/api/usage?\(query)", as: TokenForge.user("alice"))
        #expect(answer.outcome == "400 invalid_request")
    }

    @Test func `pages follow one another without a gap`() async throws {
        for index in 0..<7 {
            try await write(1, of: "alice", model: "m-\(index)-\(String(repeating: "x", count: index))")
        }
        let user = TokenForge.user("alice")
        var (models, offset): ([String], Int64?) = ([], 0)
        while let from = offset {
            let page = try await get("/api/usage?by=model&limit=3&offset=\(from)", as: user)
            models += page["usage"]?.elements?.compactMap { $0["model"]?.string } ?? []
            offset = page["next_offset"]?.integer
        }
        #expect(models.count == 7 && Set(models).count == 7)
        var (events, before): (Int, String?) = (0, "")
        while let cursor = before {
            let page = try await get("/api/usage/events?limit=2&before=\(cursor)", as: user)
            events += page["events"]?.elements?.count ?? 0
            before = page["next"]?.string
        }
        #expect(events == 7)
        for cursor in ["x", "1", "1-", "-", "1-2-3", "99999999999999999999-1"] {
            let answer = try await get("/api/usage/events?before=\(cursor)", as: user)
            #expect(answer.outcome == "400 invalid_request", "\(cursor)")
        }
    }

    @Test func `CSV is asked for by query or by header, and is all of it`() async throws {
        try await write(1, of: "alice", model: "plain")
        try await write(1, of: "alice", model: "=cmd|'/c calc'!A0")
        try await write(1, of: "alice", model: "a,\"b\"")
        let user = TokenForge.user("alice")
        let expected =
            "model,requests,input_tokens,output_tokens,cached_tokens,cost_micros,cost_usd,unpriced_requests\r\n"
            + "'=cmd|'/c calc'!A0,1,10,2,1,5,0.000005,0\r\n\"a,\"\"b\"\"\",1,10,2,1,5,0.000005,0\r\n"
            + "plain,1,10,2,1,5,0.000005,0\r\n"
        let byQuery = try await get("/api/usage?by=model&format=csv", as: user)
        #expect(byQuery.text == expected)
        #expect(byQuery.headers[.contentType] == "text/csv; charset=utf-8")
        #expect(byQuery.headers[.contentDisposition] == "attachment; filename=\"usage.csv\"")
        let byHeader = try await get("/api/usage?by=model", as: user, headers: [.accept: "text/csv; q=1"])
        #expect(byHeader.text == expected)
        for accept in ["*/*", "application/json, text/csv", "text/html,application/xhtml+xml,*/*;q=0.8"] {
            let answer = try await get("/api/usage?by=model", as: user, headers: [.accept: accept])
            #expect(answer.headers[.contentType] == "application/json", "\(accept)")
        }
        let explicit = try await get("/api/usage?by=model&format=json", as: user, headers: [.accept: "text/csv"])
        #expect(explicit.headers[.contentType] == "application/json")
    }

    @Test(arguments: ["=1", "+1", "-1", "@a", "\tx", "\rx"])
    func `a cell that a spreadsheet would calculate is text`(cell: String) {
        #expect(CSVText.line([cell]).hasPrefix("'") || CSVText.line([cell]).hasPrefix("\"'"))
    }

    @Test func `models without a price are listed for administrators`() async throws {
        try await write(2, of: "alice", model: "house-model", cost: nil)
        try await write(1, of: "bob", model: "gpt-4o", cost: 5)
        let answer = try await get("/api/admin/usage", as: TokenForge.admin("root"))
        let models = try #require(answer["unpriced_models"]?.elements)
        #expect(models.map { $0["model"]?.string } == ["house-model"])
        #expect(models.first?["unpriced_requests"]?.integer == 2)
        #expect(answer["totals", "unpriced_requests"]?.integer == 2)
        #expect(answer["totals", "cost_micros"]?.integer == 5)
    }

    @Test func `a token for certain providers sees no usage of all`() async throws {
        let made = try await service.tokens.create(
            AccessTokenRequest(scopes: [.status], providers: [try #require(ProviderID("acme"))]),
            of: .user(try UserID("alice")), by: Caller(.cli))
        let token = made.text.secret.withUnsafeBytes { String(decoding: $0, as: UTF8.self) }
        for uri in ["/api/usage", "/api/usage/events"] {
            #expect(try await get(uri, as: token).outcome == "403 forbidden")
        }
        #expect(try await get("/api/admin/usage", as: token).outcome == "401 unauthorized")
    }
}
