import HTTPTypes
import LatchkeyCore
import LatchkeyCrypto
import LatchkeyTesting
import Testing

@testable import LatchkeyServer

/// Budgets by HTTP: who may set, see and delete which.
struct BudgetRouteTests {
    private let service: TestService
    private let alice = TokenForge.user("alice")
    private let admin = TokenForge.admin("root")

    init() async throws { service = try await TestService() }

    private func put(_ json: String, as bearer: String, _ uri: String = "/api/budgets") async throws -> Answer {
        try await service.call(.put, uri, bearer: bearer, json: json)
    }

    private func list(as bearer: String, _ uri: String = "/api/budgets") async throws -> [JSONValue] {
        let answer = try await service.call(.get, uri, bearer: bearer)
        #expect(answer.status == 200, "\(answer.text)")
        return answer["budgets"]?.elements ?? []
    }

    private let money = #"{"metric":"money","per":"day","amount_usd":"2.50"}"#

    @Test func `a budget says what it is and how it stands`() async throws {
        let set = try await put(money, as: alice)
        #expect(set.status == 200, "\(set.text)")
        let now = service.clock.clock.now()
        let event = UsageEvent(
            id: "e", at: now, origin: .reported, user: try UserID("alice"),
            provider: try #require(ProviderID("openai")), tokens: TokenCounts(input: 1), cost: 2_000_000)
        #expect(try await service.recorder.report([event]) == 1)
        let budget = try #require(try await list(as: alice).first)
        let texts = [
            "subject": "user", "metric": "money", "per": "day", "amount_usd": "2.5", "used_usd": "2", "set_by": "user",
            "resets_at": UsageWindow(.day, at: now).end.rfc3339, "user_id": "alice",
        ]
        for (name, value) in texts { #expect(budget[name]?.string == value, "\(name)") }
        #expect(budget["amount"]?.integer == 2_500_000)
        #expect(budget["used"]?.integer == 2_000_000)
        #expect(budget["reserved"]?.integer == 0)
        #expect(budget["warnings"]?.elements?.map(\.integer) == [80, 100])
        #expect(budget["warned"]?.elements?.map(\.integer) == [80])
    }

    @Test func `setting it again changes it`() async throws {
        #expect(try await put(money, as: alice).status == 200)
        let again = #"{"metric":"money","per":"day","amount":1,"warnings":[50]}"#
        #expect(try await put(again, as: alice)["amount_usd"]?.string == "0.000001")
        let budgets = try await list(as: alice)
        #expect(budgets.count == 1)
        #expect(budgets.first?["warnings"]?.elements?.map(\.integer) == [50])
    }

    @Test func `a budget on a key stands beside the user's own`() async throws {
        #expect(try await put(#"{"metric":"requests","per":"minute","amount":60}"#, as: alice).status == 200)
        let onKey = #"{"metric":"requests","per":"minute","amount":5,"provider":"acme","key":"work"}"#
        #expect(try await put(onKey, as: alice).status == 200)
        let onDefault = #"{"metric":"requests","per":"minute","amount":6,"provider":"acme"}"#
        #expect(try await put(onDefault, as: alice)["key"]?.string == "default")
        #expect(try await list(as: alice).count == 3)
        let uri = "/api/budgets?metric=requests&per=minute&provider=acme&key=work"
        #expect(try await service.call(.delete, uri, bearer: alice).status == 200)
        #expect(try await service.call(.delete, uri, bearer: alice).outcome == "404 budget_not_found")
        #expect(try await list(as: alice).count == 2)
    }

    @Test func `a user neither raises nor deletes an operator's budget`() async throws {
        let uri = "/api/admin/budgets?user=alice"
        #expect(try await put(#"{"metric":"money","per":"day","amount":100}"#, as: admin, uri).status == 200)
        #expect(try await put(#"{"metric":"money","per":"day","amount":999999}"#, as: alice).status == 200)
        let delete = "/api/budgets?metric=money&per=day"
        #expect(try await service.call(.delete, delete, bearer: alice).status == 200)
        #expect(try await service.call(.delete, delete, bearer: alice).outcome == "404 budget_not_found")
        let left = try await list(as: alice)
        #expect(left.map { $0["set_by"]?.string } == ["operator"])
        #expect(left.map { $0["amount"]?.integer } == [100])
        #expect(try await list(as: admin, uri).count == 1)
        #expect(try await service.call(.delete, "\(uri)&metric=money&per=day", bearer: admin).status == 200)
        #expect(try await list(as: alice).isEmpty)
    }

    @Test func `budgets of others are not seen`() async throws {
        #expect(try await put(money, as: alice).status == 200)
        #expect(try await list(as: TokenForge.user("bob")).isEmpty)
        #expect(try await list(as: admin).isEmpty)
        #expect(try await list(as: admin, "/api/admin/budgets?user=alice").count == 1)
        let delete = "/api/budgets?metric=money&per=day"
        #expect(
            try await service.call(.delete, delete, bearer: TokenForge.user("bob")).outcome == "404 budget_not_found")
        #expect(try await list(as: alice).count == 1)
    }

    @Test(arguments: [
        (#"{"metric":"money","per":"day"}"#, "400 missing_member"),
        (#"{"metric":"money","per":"day","amount":1,"amount_usd":"1"}"#, "400 invalid_limit"),
        (#"{"metric":"money","per":"day","amount_usd":1}"#, "400 wrong_type"),
        (#"{"metric":"money","per":"day","amount_usd":"-1"}"#, "400 invalid_limit"),
        (#"{"metric":"money","per":"day","amount_usd":"0.0000001"}"#, "400 invalid_limit"),
        (#"{"metric":"tokens","per":"day","amount_usd":"1"}"#, "400 missing_member"),
        (#"{"metric":"tokens","per":"day","amount":1,"amount_usd":"1"}"#, "400 unknown_member"),
        (#"{"metric":"tokens","per":"day","amount":-1}"#, "400 invalid_limit"),
        (#"{"metric":"tokens","per":"day","amount":1.5}"#, "400 wrong_type"),
        (#"{"metric":"tokens","per":"week","amount":1}"#, "400 invalid_limit"),
        (#"{"metric":"calls","per":"day","amount":1}"#, "400 invalid_limit"),
        (#"{"per":"day","amount":1}"#, "400 missing_member"),
        (#"{"metric":"tokens","per":"day","amount":1,"warnings":[0]}"#, "400 invalid_limit"),
        (#"{"metric":"tokens","per":"day","amount":1,"warnings":[80,80]}"#, "400 invalid_limit"),
        (#"{"metric":"tokens","per":"day","amount":1,"warnings":["80"]}"#, "400 invalid_limit"),
        (#"{"metric":"tokens","per":"day","amount":1,"key":"work"}"#, "400 missing_member"),
        (#"{"metric":"tokens","per":"day","amount":1,"provider":"nobody"}"#, "400 unknown_provider"),
        (#"{"metric":"tokens","per":"day","amount":1,"provider":"acme","key":"a b"}"#, "400 invalid_name"),
        (#"{"metric":"tokens","per":"day","amount":1,"set_by":"operator"}"#, "400 unknown_member"),
        (#"{"metric":"tokens","per":"day","amount":1,"user":"bob"}"#, "400 unknown_member"),
    ])
    func `a budget that is none is refused`(json: String, outcome: String) async throws {
        for (uri, bearer) in [("/api/budgets", alice), ("/api/admin/budgets?user=alice", admin)] {
            #expect(try await put(json, as: bearer, uri).outcome == outcome)
        }
        #expect(try await list(as: alice).isEmpty)
    }

    @Test func `an administrator says whose budget`() async throws {
        #expect(try await put(money, as: admin, "/api/admin/budgets").outcome == "400 missing_user")
        #expect(try await put(money, as: admin, "/api/admin/budgets?user=").outcome == "400 missing_user")
        let delete = try await service.call(.delete, "/api/admin/budgets?metric=money&per=day", bearer: admin)
        #expect(delete.outcome == "400 missing_user")
        let unclear = try await service.call(.delete, "/api/budgets?metric=money", bearer: alice)
        #expect(unclear.outcome == "400 invalid_request")
        #expect(try await put(money, as: alice, "/api/budgets?user=bob").outcome == "400 invalid_request")
    }

    @Test func `who changed a budget is in the audit log`() async throws {
        #expect(try await put(money, as: admin, "/api/admin/budgets?user=alice").status == 200)
        let delete = "/api/admin/budgets?user=alice&metric=money&per=day"
        #expect(try await service.call(.delete, delete, bearer: admin).status == 200)
        let events = try await service.store.events(limit: 2)
        #expect(events.map(\.action) == [.budgetDelete, .budgetSet])
        #expect(events.map(\.detail) == ["money/day", "money/day=2500000"])
        let root = Actor.admin(try UserID("root"))
        #expect(events.map(\.actor) == [root, root])
    }

    @Test func `either switch is changed alone`() async throws {
        let uri = "/api/api-keys/settings"
        let first = try await service.call(.get, uri, bearer: alice)
        #expect(first.text == #"{"global_fallback":true,"key_failover":false}"#)
        let on = try await service.call(.put, uri, bearer: alice, json: #"{"key_failover":true}"#)
        #expect(on.text == #"{"global_fallback":true,"key_failover":true}"#)
        let off = try await service.call(.put, uri, bearer: alice, json: #"{"global_fallback":false}"#)
        #expect(off.text == #"{"global_fallback":false,"key_failover":true}"#)
        let both = #"{"global_fallback":true,"key_failover":false}"#
        #expect(try await service.call(.put, uri, bearer: alice, json: both).text == both)
        #expect(try await service.call(.put, uri, bearer: alice, json: "{}").outcome == "400 missing_member")
        let null = try await service.call(.put, uri, bearer: alice, json: #"{"key_failover":null}"#)
        #expect(null.outcome == "400 missing_member")
    }
}
