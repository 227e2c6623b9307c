import HTTPTypes
import LatchkeyCore
import Testing

@testable import LatchkeyServer

/// Route × role × object, generated from the route table. A route that is added without saying here who may call it,
/// fails the first test.
struct RouteMatrixTests {
    enum Role: String, CaseIterable, Sendable {
        case nobody, garbage, owner, otherUser, admin, service, setup, closedSetup
    }

    struct Row: Sendable {
        var uri: String
        var json: String?
        var outcomes: [Role: String]
    }

    /// What a route of each access answers; `owner` has a key at `acme`, nobody else has any.
    private static func everyone(_ outcome: String) -> [Role: String] {
        Dictionary(uniqueKeysWithValues: Role.allCases.map { ($0, outcome) })
    }

    private static func users(owner: String, others: String) -> [Role: String] {
        everyone("401 unauthorized").merging([.owner: owner, .otherUser: others, .admin: others]) { $1 }
    }

    private static let setup = everyone("401 unauthorized").merging([
        .owner: "403 forbidden", .otherUser: "403 forbidden", .admin: "200", .setup: "200",
        .closedSetup: "403 setup_closed",
    ]) { $1 }

    private static func admins(_ outcome: String) -> [Role: String] {
        users(owner: "403 forbidden", others: "403 forbidden").merging([.admin: outcome]) { $1 }
    }

    private static let newBudget = #"{"metric":"money","per":"day","amount_usd":"2.50"}"#
    private static let newToken = #"{"scopes":["status"],"label":"new"}"#
    private static let newKey = #"{"provider":"acme","api_key":"sk-new-0123456789abcdef","label":"new"}"#

    static let table: [String: Row] = [
        "POST /api/api-keys/set": Row(
            uri: "/api/api-keys/set", json: newKey, outcomes: users(owner: "200", others: "200")),
        "POST /api/api-keys/validate/:provider": Row(
            uri: "/api/api-keys/validate/acme", outcomes: users(owner: "200", others: "404 key_not_found")),
        "GET /api/api-keys/status": Row(
            uri: "/api/api-keys/status", outcomes: users(owner: "200", others: "200")),
        "GET /api/api-keys/settings": Row(
            uri: "/api/api-keys/settings", outcomes: users(owner: "200", others: "200")),
        "PUT /api/api-keys/settings": Row(
            uri: "/api/api-keys/settings", json: #"{"global_fallback":false}"#,
            outcomes: users(owner: "200", others: "200")),
        "DELETE /api/api-keys/:provider": Row(
            uri: "/api/api-keys/acme", outcomes: users(owner: "200", others: "404 key_not_found")),
        "POST /api/api-keys/:provider/default": Row(
            uri: "/api/api-keys/acme/default", json: #"{"name":"work"}"#,
            outcomes: users(owner: "404 key_not_found", others: "404 key_not_found")),
        "DELETE /api/api-keys": Row(uri: "/api/api-keys", outcomes: users(owner: "200", others: "200")),
        "POST /api/api-keys/set-initial": Row(uri: "/api/api-keys/set-initial", json: newKey, outcomes: setup),
        "GET /api/api-keys/status-initial": Row(uri: "/api/api-keys/status-initial", outcomes: setup),
        "POST /api/service/resolve": Row(
            uri: "/api/service/resolve", json: #"{"user_id":"owner","provider":"acme"}"#,
            outcomes: everyone("401 unauthorized").merging([.service: "200"]) { $1 }),
        "POST /api/service/usage": Row(
            uri: "/api/service/usage",
            json: #"{"id":"e","user_id":"owner","attributes":{"gen_ai.provider.name":"acme"}}"#,
            outcomes: everyone("401 unauthorized").merging([.service: "200"]) { $1 }),
        "GET /api/usage": Row(uri: "/api/usage", outcomes: users(owner: "200", others: "200")),
        "GET /api/usage/events": Row(uri: "/api/usage/events", outcomes: users(owner: "200", others: "200")),
        "GET /api/admin/usage": Row(uri: "/api/admin/usage", outcomes: admins("200")),
        "GET /api/activity": Row(uri: "/api/activity", outcomes: users(owner: "200", others: "200")),
        "GET /api/admin/overview": Row(uri: "/api/admin/overview", outcomes: admins("200")),
        // The owner's key works.
        "GET /api/admin/keys": Row(uri: "/api/admin/keys?state=failing", outcomes: admins("200")),
        "GET /api/admin/users": Row(uri: "/api/admin/users", outcomes: admins("200")),
        "DELETE /api/admin/global-keys/:provider": Row(
            uri: "/api/admin/global-keys/acme", outcomes: admins("404 key_not_found")),
        "POST /api/admin/global-keys/:provider/validate": Row(
            uri: "/api/admin/global-keys/acme/validate", outcomes: admins("404 key_not_found")),
        "GET /api/budgets": Row(uri: "/api/budgets", outcomes: users(owner: "200", others: "200")),
        "PUT /api/budgets": Row(uri: "/api/budgets", json: newBudget, outcomes: users(owner: "200", others: "200")),
        "DELETE /api/budgets": Row(
            uri: "/api/budgets?metric=money&per=day",
            outcomes: users(owner: "404 budget_not_found", others: "404 budget_not_found")),
        "GET /api/admin/budgets": Row(uri: "/api/admin/budgets?user=owner", outcomes: admins("200")),
        "PUT /api/admin/budgets": Row(
            uri: "/api/admin/budgets?user=owner", json: newBudget, outcomes: admins("200")),
        "DELETE /api/admin/budgets": Row(
            uri: "/api/admin/budgets?user=owner&metric=money&per=day", outcomes: admins("404 budget_not_found")),
        "POST /api/access-tokens": Row(
            uri: "/api/access-tokens", json: newToken, outcomes: users(owner: "201", others: "201")),
        "GET /api/access-tokens": Row(uri: "/api/access-tokens", outcomes: users(owner: "200", others: "200")),
        "DELETE /api/access-tokens/:id": Row(
            uri: "/api/access-tokens/aaaaaaaaaaaaaaaa",
            outcomes: users(owner: "404 token_not_found", others: "404 token_not_found")),
        "POST /api/access-tokens/:id/roll": Row(
            uri: "/api/access-tokens/aaaaaaaaaaaaaaaa/roll", json: "{}",
            outcomes: users(owner: "404 token_not_found", others: "404 token_not_found")),
        "POST /api/admin/access-tokens": Row(
            uri: "/api/admin/access-tokens", json: newToken, outcomes: admins("201")),
        "GET /api/admin/access-tokens": Row(uri: "/api/admin/access-tokens", outcomes: admins("200")),
        "DELETE /api/admin/access-tokens/:id": Row(
            uri: "/api/admin/access-tokens/aaaaaaaaaaaaaaaa", outcomes: admins("404 token_not_found")),
        "POST /api/admin/access-tokens/:id/roll": Row(
            uri: "/api/admin/access-tokens/aaaaaaaaaaaaaaaa/roll", json: "{}", outcomes: admins("404 token_not_found")),
        "GET /api/session": Row(uri: "/api/session", outcomes: everyone("200")),
        "POST /api/session": Row(
            uri: "/api/session", json: #"{"code":"lkc_"}"#, outcomes: everyone("403 csrf_refused")),
        "DELETE /api/session": Row(uri: "/api/session", outcomes: everyone("403 csrf_refused")),
        "POST /api/session/codes": Row(
            uri: "/api/session/codes", outcomes: users(owner: "201", others: "201")),
        "GET /api/api-keys/providers": Row(uri: "/api/api-keys/providers", outcomes: everyone("200")),
        // Without a provider there is nothing there; with one, see `Outside/test_oidc.py`.
        "GET /ui/oidc/start": Row(uri: "/ui/oidc/start", outcomes: everyone("404 not_found")),
        "GET /ui/oidc/callback": Row(uri: "/ui/oidc/callback", outcomes: everyone("404 not_found")),
        "GET /ui": Row(uri: "/ui/", outcomes: everyone("200")),
        "GET /ui/:name": Row(uri: "/ui/style.css", outcomes: everyone("200")),
        "GET /healthz": Row(uri: "/healthz", outcomes: everyone("200")),
        "GET /readyz": Row(uri: "/readyz", outcomes: everyone("200")),
        "GET /openapi.yaml": Row(uri: "/openapi.yaml", outcomes: everyone("200")),
    ]

    private static func bearer(_ role: Role) -> String? {
        switch role {
        case .nobody: nil
        case .garbage: "not.a.token"
        case .owner: TokenForge.user("owner")
        case .otherUser: TokenForge.user("other")
        case .admin: TokenForge.admin("root")
        case .service: TestService.serviceToken
        case .setup, .closedSetup: TestService.setupToken
        }
    }

    @Test func `every route has an entry and every entry a route`() async throws {
        let routes = try await TestService().routes.map { "\($0.method.rawValue) \($0.path)" }
        #expect(Set(routes).count == routes.count)
        #expect(Set(routes) == Set(Self.table.keys))
    }

    @Test func `the access that a route declares is the one its row describes`() async throws {
        for route in try await TestService().routes {
            let row = try #require(Self.table["\(route.method.rawValue) \(route.path)"])
            let opens = Set(row.outcomes.filter { !$0.value.hasPrefix("401") && !$0.value.hasPrefix("403") }.keys)
            let expected: Set<Role> =
                switch route.access {
                case .anyone: Set(Role.allCases)
                // Whoever asks: from no page of ours (`SessionRouteTests`).
                case .page: []
                case .user: [.owner, .otherUser, .admin]
                case .setup: [.admin, .setup]
                case .service: [.service]
                case .admin: [.admin]
                case .gateway: []
                }
            #expect(opens == expected, "\(route.path)")
        }
    }

    @Test(arguments: Role.allCases)
    func `every route answers every role as the table says, and only the owner changes the owner's key`(
        role: Role
    ) async throws {
        for route in try await TestService().routes {
            let key = "\(route.method.rawValue) \(route.path)"
            let row = try #require(Self.table[key])
            let service = try await TestService()
            try await service.store("sk-owners-0123456789-HINT", of: "owner", label: "label-of-the-owner")
            if role == .closedSetup { try await service.gate.finish(by: Caller(.cli)) }
            let before = try await service.rows(of: "owner")
            let answer = try await service.call(route.method, row.uri, bearer: Self.bearer(role), json: row.json)
            #expect(answer.outcome == row.outcomes[role], "\(key)")
            #expect(!answer.text.contains("sk-owners") || role == .service, "\(key)")
            if role != .owner {
                #expect(try await service.rows(of: "owner") == before, "\(key)")
                #expect(!answer.text.contains("label-of-the-owner"), "\(key)")
                #expect(!answer.text.contains("HINT") || role == .service, "\(key)")
                #expect(try await service.store.setting(.globalFallback, of: UserID("owner")) == nil, "\(key)")
            }
            if answer.status >= 400 {
                #expect(try await service.rows(of: nil).isEmpty, "\(key)")
                #expect(try await service.rows(of: "other").isEmpty, "\(key)")
            }
        }
    }

    @Test func `without a configured service token the service's door stays shut`() async throws {
        let service = try await TestService(TestService.Options(hasServiceToken: false))
        try await service.store(of: "owner")
        for bearer in [TestService.serviceToken, "", TokenForge.admin("root"), TestService.setupToken] {
            let answer = try await service.call(
                .post, "/api/service/resolve", bearer: bearer, json: #"{"user_id":"owner","provider":"acme"}"#)
            #expect(answer.outcome == "401 unauthorized")
        }
    }
}
