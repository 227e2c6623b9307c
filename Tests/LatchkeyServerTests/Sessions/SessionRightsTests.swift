import HTTPTypes
import LatchkeyCore
import LatchkeyTesting
import Testing

@testable import LatchkeyServer

/// What a signed-in browser may do, and what only a page of ours may make it do.
struct SessionRightsTests {
    /// Every route by the cookie alone answers as the matrix says that it answers the user's JWT; but those that only a
    /// credential in a field of its own opens.
    @Test(arguments: [RouteMatrixTests.Role.owner, .otherUser, .admin])
    func `a session opens what the JWT opens, and no service's route`(role: RouteMatrixTests.Role) async throws {
        for route in try await TestService().routes where route.access != .page {
            let key = "\(route.method.rawValue) \(route.path)"
            let row = try #require(RouteMatrixTests.table[key])
            let service = try await TestService()
            try await service.store("sk-owners-0123456789-HINT", of: "owner", label: "label-of-the-owner")
            let name = role == .owner ? "owner" : role == .admin ? "root" : "other"
            let browser = try await Browser(service, signedInAs: name, isAdmin: role == .admin)
            let answer = try await browser.call(route.method, row.uri, json: row.json)
            let isForTokens = key == "POST /api/session/codes" || route.access == .service
            #expect(answer.outcome == (isForTokens ? "401 unauthorized" : row.outcomes[role]), "\(key)")
            #expect(!answer.text.contains("sk-owners"), "\(key)")
        }
    }

    private static let attacks: [(name: String, change: @Sendable (inout HTTPFields) -> Void)] = [
        ("no token", { $0[.csrfToken] = nil }), ("an empty token", { $0[.csrfToken] = "" }),
        ("a wrong token", { $0[.csrfToken] = String(repeating: "A", count: 43) }),
        ("half a token", { $0[.csrfToken] = $0[.csrfToken].map { String($0.dropLast()) } }),
        ("a longer token", { $0[.csrfToken] = $0[.csrfToken].map { $0 + "A" } }),
        ("two tokens", { $0.append(HTTPField(name: .csrfToken, value: $0[.csrfToken] ?? "")) }),
        ("no origin", { $0[.origin] = nil }), ("a null origin", { $0[.origin] = "null" }),
        ("another origin", { $0[.origin] = "https://evil.example" }),
        ("plain http", { $0[.origin] = "http://keys.example" }),
        ("another port", { $0[.origin] = "https://keys.example:8443" }),
        ("the usual port", { $0[.origin] = "https://keys.example:443" }),
        ("a host above", { $0[.origin] = "https://a.keys.example" }),
        ("a longer host", { $0[.origin] = "https://keys.example.evil.example" }),
        ("a slash", { $0[.origin] = "https://keys.example/" }),
        ("capitals", { $0[.origin] = "https://KEYS.example" }), ("an empty origin", { $0[.origin] = "" }),
        ("two origins", { $0.append(HTTPField(name: .origin, value: $0[.origin] ?? "")) }),
        ("cross-site", { $0[.fetchSite] = "cross-site" }), ("same-site", { $0[.fetchSite] = "same-site" }),
        ("none", { $0[.fetchSite] = "none" }),
        ("two sites", { $0.append(HTTPField(name: .fetchSite, value: "cross-site")) }),
    ]

    @Test(arguments: 0..<attacks.count)
    func `what changes something needs the session's token and our own origin`(index: Int) async throws {
        let (name, attack) = Self.attacks[index]
        for route in try await TestService().routes where route.method != .get && route.access != .service {
            let key = "\(route.method.rawValue) \(route.path)"
            guard key != "POST /api/session", key != "POST /api/session/codes" else { continue }
            let row = try #require(RouteMatrixTests.table[key])
            let service = try await TestService()
            try await service.store("sk-owners-0123456789-HINT", of: "root")
            let before = try await service.rows(of: "root")
            let browser = try await Browser(service, signedInAs: "root", isAdmin: true)
            let answer = try await browser.call(route.method, row.uri, json: row.json, attack)
            #expect(answer.outcome == "403 csrf_refused", "\(key): \(name)")
            #expect(try await service.rows(of: "root") == before, "\(key): \(name)")
            #expect(try await service.rows(of: nil).isEmpty, "\(key): \(name)")
            #expect(try await browser.call(.get, "/api/session")["signed_in"]?.boolean == true, "\(key): \(name)")
            // As a page of ours sends it, it is not refused for this.
            let own = try await browser.call(route.method, row.uri, json: row.json)
            #expect(own.code != "csrf_refused", "\(key): \(name)")
        }
    }

    @Test func `another session's token does not do, of the same user neither`() async throws {
        let service = try await TestService()
        let browser = try await Browser(service, signedInAs: "owner")
        let again = try await Browser(service, signedInAs: "owner")
        let answer = try await browser.call(.delete, "/api/api-keys") { $0[.csrfToken] = again.token }
        #expect(answer.outcome == "403 csrf_refused")
    }

    @Test func `what reads needs neither, and a browser without fetch metadata may write`() async throws {
        let service = try await TestService()
        let browser = try await Browser(service, signedInAs: "owner")
        let read = try await browser.call(.get, "/api/api-keys/status") { $0 = [.cookie: $0[.cookie] ?? ""] }
        #expect(read.outcome == "200")
        let write = try await browser.call(.delete, "/api/api-keys") { $0[.fetchSite] = nil }
        #expect(write.outcome == "200")
    }

    @Test(arguments: ["Bearer x", "Bearer ", "Basic eDp5", "", "Bearer lk_aaaaaaaaaaaaaaaa_x"])
    func `beside an Authorization of whatever kind the cookie is not looked at`(authorization: String) async throws {
        let service = try await TestService()
        let browser = try await Browser(service, signedInAs: "root", isAdmin: true)
        for (method, uri) in [
            (HTTPRequest.Method.get, "/api/api-keys/status"), (.delete, "/api/api-keys"), (.get, "/api/admin/usage"),
            (.get, "/api/api-keys/status-initial"), (.delete, "/api/session"),
        ] {
            let answer = try await browser.call(method, uri) { $0[.authorization] = authorization }
            #expect(answer.outcome == "401 unauthorized", "\(uri)")
        }
        let state = try await browser.call(.get, "/api/session") { $0[.authorization] = authorization }
        #expect(state["signed_in"]?.boolean == false)
    }

    @Test func `a JWT beside a cookie is whom the request is about`() async throws {
        let service = try await TestService()
        let browser = try await Browser(service, signedInAs: "owner")
        let answer = try await browser.call(.get, "/api/api-keys/status") {
            $0[.authorization] = "Bearer \(TokenForge.user("other"))"
        }
        #expect(answer["user_id"]?.string == "other")
    }

    @Test func `two cookies of our name are none, in one field or in two`() async throws {
        let service = try await TestService()
        let browser = try await Browser(service, signedInAs: "owner")
        let own = "__Host-latchkey=\(browser.cookie)"
        let planted: [HTTPFields] = [
            [.cookie: "\(own); \(own)"], [.cookie: "__Host-latchkey=x; \(own)"], [.cookie: "\(own);__Host-latchkey="],
            HTTPFields([HTTPField(name: .cookie, value: own), HTTPField(name: .cookie, value: own)]),
        ]
        for fields in planted {
            #expect(try await service.call(.get, "/api/api-keys/status", headers: fields).outcome == "401 unauthorized")
        }
        let beside: [HTTPFields] = [
            [.cookie: "a=b; \(own); latchkey=x"], [.cookie: "\(own)"], [.cookie: "__Host-latchkey2=x;\(own)"],
            HTTPFields([HTTPField(name: .cookie, value: "a=b"), HTTPField(name: .cookie, value: own)]),
        ]
        for fields in beside {
            #expect(try await service.call(.get, "/api/api-keys/status", headers: fields).outcome == "200")
        }
    }

    @Test func `the set-up token beside a cookie decides alone`() async throws {
        let service = try await TestService()
        let browser = try await Browser(service, signedInAs: "root", isAdmin: true)
        let path = "/api/api-keys/status-initial"
        #expect(try await browser.call(.get, path).outcome == "200")
        #expect(try await browser.call(.get, path) { $0[.xSetupToken] = "wrong" }.outcome == "401 unauthorized")
    }

    @Test func `no answer lets another origin use cookies`() async throws {
        let service = try await TestService(TestService.Options(origins: ["https://app.example"]))
        let browser = try await Browser(service, signedInAs: "owner")
        let answer = try await browser.call(.get, "/api/session") { $0[.origin] = "https://app.example" }
        #expect(answer.headers[.accessControlAllowOrigin] == "https://app.example")
        #expect(answer.headers[.accessControlAllowCredentials] == nil)
        let preflight = try await service.call(
            .options, "/api/api-keys",
            headers: [
                .origin: "https://app.example", .accessControlRequestMethod: "DELETE",
                .accessControlRequestHeaders: "x-csrf-token",
            ])
        #expect(preflight.outcome == "204")
        #expect(preflight.headers[.accessControlAllowCredentials] == nil)
        #expect(preflight.headers[.accessControlAllowHeaders]?.lowercased().contains("csrf") == false)
        let write = try await browser.call(.delete, "/api/api-keys") { $0[.origin] = "https://app.example" }
        #expect(write.outcome == "403 csrf_refused")
    }

    @Test func `a session ends at its time`() async throws {
        let service = try await TestService()
        let browser = try await Browser(service, signedInAs: "owner")
        service.clock.advance(seconds: 480 * 60 - 1)
        #expect(try await browser.call(.get, "/api/api-keys/status").outcome == "200")
        service.clock.advance(seconds: 1)
        #expect(try await browser.call(.get, "/api/api-keys/status").outcome == "401 unauthorized")
        #expect(try await browser.call(.get, "/api/session")["signed_in"]?.boolean == false)
    }
}
