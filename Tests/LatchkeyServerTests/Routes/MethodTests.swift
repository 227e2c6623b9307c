import HTTPTypes
import Testing

@testable import LatchkeyServer

/// Paths and methods: what is there, what is there with another method, and what is not.
struct MethodTests {
    private static let methods: [HTTPRequest.Method] =
        [.get, .post, .put, .patch, .delete, .options, .trace]
        + ["PROPFIND", "BREW", "get"].compactMap { HTTPRequest.Method(rawValue: $0) }

    @Test func `another method on a path that is there is 405 with the methods it takes`() async throws {
        let service = try await TestService()
        try await service.store(of: "alice")
        let routes = service.routes
        for path in Set(routes.map(\.path)) {
            let taken = routes.filter { $0.path == path }.map(\.method)
            let uri = path.replacing(":provider", with: "acme").replacing(":id", with: "aaaaaaaaaaaaaaaa")
            for method in Self.methods where !taken.contains(method) {
                for ending in ["", "/"] {
                    let answer = try await service.call(
                        method, uri + ending, bearer: TokenForge.user("alice"), json: "{}")
                    #expect(answer.outcome == "405 method_not_allowed", "\(method) \(uri)\(ending)")
                    let allow = try #require(answer.headers[.allow]).split(separator: ", ").map(String.init)
                    #expect(Set(allow) == Set(taken.map(\.rawValue)), "\(method) \(uri)\(ending)")
                }
            }
        }
        #expect(try await service.rows(of: "alice").count == 1)
    }

    @Test(arguments: [
        "/", "/nope", "/api", "/api/service", "/api/service/nope", "/api/api-keys/validate/a/b",
        "/API/API-KEYS/STATUS", "/api/api-keys/../../etc/passwd", "/.env", "/healthz/x", "/api/api-keys/status/x",
        "/api//service//resolve/x", "/openapi.json", "/metrics",
    ])
    func `a path that is not there is 404 with every method`(path: String) async throws {
        let service = try await TestService()
        for method in Self.methods {
            let answer = try await service.call(method, path, bearer: TokenForge.user("alice"))
            #expect(answer.outcome == "404 not_found", "\(method)")
            #expect(answer.headers[.allow] == nil)
            #expect(!answer.text.contains(path) || path == "/")
        }
    }

    /// The reference system's front end sends some of them with a slash and some without.
    @Test func `a slash at the end makes no difference`() async throws {
        for route in try await TestService().routes where route.access != .page {
            let row = try #require(RouteMatrixTests.table["\(route.method.rawValue) \(route.path)"])
            var answers: [Answer] = []
            for ending in ["", "/"] {
                let service = try await TestService()
                try await service.store(of: "owner")
                let (path, query) =
                    row.uri.firstIndex(of: "?").map { (row.uri[..<$0], row.uri[$0...]) } ?? (row.uri[...], "")
                answers.append(
                    try await service.call(
                        route.method, "\(path)\(ending)\(query)", bearer: service.bearer(for: route.access),
                        headers: [.xRequestID: "r"], json: row.json))
            }
            #expect(row.outcomes.values.contains(answers[0].outcome) && answers[0].status < 405, "\(route.path)")
            #expect(![401, 403].contains(answers[0].status), "\(route.path)")
            #expect(answers[0].status == answers[1].status, "\(route.path)")
            // What is made anew is another thing each time.
            if answers[0].status != 201 { #expect(answers[0].body == answers[1].body, "\(route.path)") }
            #expect(answers[0].headers == answers[1].headers, "\(route.path)")
        }
    }

    @Test func `HEAD is GET without the body`() async throws {
        let service = try await TestService()
        for route in service.routes where route.method == .get {
            let row = try #require(RouteMatrixTests.table["GET \(route.path)"])
            let bearer = service.bearer(for: route.access)
            let get = try await service.call(.get, row.uri, bearer: bearer, headers: [.xRequestID: "r"])
            let head = try await service.call(.head, row.uri, bearer: bearer, headers: [.xRequestID: "r"])
            // No identity provider is set up here.
            #expect(head.status == (route.path.hasPrefix("/ui/oidc/") ? 404 : 200))
            #expect(head.body.isEmpty)
            #expect(head.headers == get.headers)
        }
    }

    @Test func `HEAD asks for the same rights as GET, and is not there where GET is not`() async throws {
        let service = try await TestService()
        for route in service.routes where ![.anyone, .page].contains(route.access) {
            let uri = route.path.replacing(":provider", with: "acme")
            let answer = try await service.call(.head, uri)
            let hasGet = service.routes.contains { $0.path == route.path && $0.method == .get }
            #expect(answer.status == (hasGet ? 401 : 405), "\(uri)")
        }
    }

    @Test func `a refusal of HEAD has no body either`() async throws {
        let service = try await TestService()
        for route in service.routes where route.method == .get && route.access != .anyone {
            let answer = try await service.call(.head, route.path)
            #expect(answer.status == 401)
            #expect(answer.body.isEmpty)
        }
    }

    /// An answer to HEAD has no content (RFC 9110, section 9.3.2); on a connection that is used again, its bytes would be
    /// taken for the next answer.
    @Test(arguments: ["/nowhere", "/api/api-keys/set"])
    func `HEAD where GET is not is refused without a body`(uri: String) async throws {
        let answer = try await TestService().call(.head, uri)
        #expect(answer.status >= 404)
        #expect(answer.body.isEmpty)
    }

    /// `validate` is a path of its own, and matches `:provider` too.
    @Test func `no 405 names the method that it refuses`() async throws {
        let service = try await TestService()
        let answer = try await service.call(.delete, "/api/api-keys/validate", bearer: TokenForge.user("alice"))
        #expect(answer.outcome == "404 not_found")
        #expect(answer.headers[.allow]?.split(separator: ", ").contains("DELETE") != true)
    }

    @Test func `a provider in the path that is no id is unknown, however it is encoded`() async throws {
        let service = try await TestService()
        let user = TokenForge.user("alice")
        for uri in [
            "acme%2f", "..%2fset", "acme%00", "%20acme", "acme%0d%0a", "%C3%A9", "acme%", "acme;x", "acme,forms",
        ] {
            let answer = try await service.call(.post, "/api/api-keys/validate/\(uri)", bearer: user)
            #expect(answer.outcome == "404 unknown_provider", "\(uri)")
        }
    }
}
