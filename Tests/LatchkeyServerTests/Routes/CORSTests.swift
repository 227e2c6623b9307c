import HTTPTypes
import Testing

@testable import LatchkeyServer

/// Which web pages may call: those whose origin is listed, by exact comparison.
struct CORSTests {
    private static let listed = "https://app.example"
    private static let second = "https://second.example:8443"

    private static let unlisted = [
        "null", "*", "", "https://evil.example", "https://app.example.evil.example",
        "https://evil.example/https://app.example",
        "https://evilapp.example", "https://x.app.example", "http://app.example", "https://app.example:443",
        "https://app.example:444", "https://app.example/", "https://APP.example", "HTTPS://app.example", "app.example",
        "https://second.example", "https://app.example, https://evil.example", "https://app.exampl",
        "https://app.example\u{301}", "file://", "https://app.example%00.evil.example",
        "https://app.example@evil.example",
    ]

    private func service(_ origins: [String] = [listed, second]) async throws -> TestService {
        try await TestService(TestService.Options(origins: origins))
    }

    private func preflight(
        _ service: TestService, _ origin: String?, _ uri: String = "/api/api-keys/set", method: String? = "POST"
    ) async throws -> Answer {
        var headers: HTTPFields = [.accessControlRequestHeaders: "authorization, content-type"]
        headers[.origin] = origin
        headers[.accessControlRequestMethod] = method
        return try await service.call(.options, uri, headers: headers)
    }

    private static let crossOrigin: [HTTPField.Name] = [
        .accessControlAllowOrigin, .accessControlAllowMethods, .accessControlAllowHeaders, .accessControlExposeHeaders,
        .accessControlAllowCredentials, .accessControlMaxAge,
    ]

    @Test(arguments: [listed, second])
    func `a page of a listed origin may ask on every path`(origin: String) async throws {
        let service = try await service()
        for route in service.routes {
            let uri = route.path.replacing(":provider", with: "acme")
            let answer = try await preflight(service, origin, uri, method: route.method.rawValue)
            #expect(answer.status == 204, "\(uri)")
            #expect(answer.body.isEmpty)
            #expect(answer.headers[values: .accessControlAllowOrigin] == [origin])
            let methods = try #require(answer.headers[.accessControlAllowMethods]).split(separator: ", ")
            #expect(methods.contains(Substring(route.method.rawValue)), "\(uri)")
            let allowed = try #require(answer.headers[.accessControlAllowHeaders]).split(separator: ", ")
            #expect(Set(allowed).isSuperset(of: ["authorization", "content-type", "x-request-id", "x-setup-token"]))
            #expect(answer.headers[.accessControlAllowCredentials] == nil)
            #expect(answer.headers[.vary] == "Origin")
            #expect(answer.headers[.cacheControl] == "no-store")
        }
    }

    @Test func `answers and refusals to a listed origin name it, and never let credentials in`() async throws {
        let service = try await service()
        let calls: [(HTTPRequest.Method, String, String?, Int)] = [
            (.get, "/api/api-keys/status", TokenForge.user("alice"), 200), (.get, "/api/api-keys/status", nil, 401),
            (.get, "/healthz", nil, 200), (.get, "/nowhere", nil, 404), (.patch, "/healthz", nil, 405),
        ]
        for (method, uri, bearer, status) in calls {
            let answer = try await service.call(method, uri, bearer: bearer, headers: [.origin: Self.listed])
            #expect(answer.status == status)
            #expect(answer.headers[values: .accessControlAllowOrigin] == [Self.listed], "\(uri)")
            #expect(answer.headers[.accessControlExposeHeaders] == "x-request-id, retry-after")
            #expect(answer.headers[.accessControlAllowCredentials] == nil)
            #expect(answer.headers[.vary] == "Origin")
        }
    }

    @Test(arguments: unlisted)
    func `a page of any other origin gets no leave, asking first or not`(origin: String) async throws {
        let service = try await service()
        for answer in [
            try await preflight(service, origin), try await preflight(service, origin, "/api/service/resolve"),
            try await service.call(
                .get, "/api/api-keys/status", bearer: TokenForge.user("alice"), headers: [.origin: origin]),
            try await service.call(.get, "/api/api-keys/status", headers: [.origin: origin]),
        ] {
            for name in Self.crossOrigin { #expect(answer.headers[name] == nil, "\(name)") }
            #expect(answer.headers[.vary] == "Origin")
        }
        #expect(try await preflight(service, origin).outcome == "405 method_not_allowed")
    }

    @Test func `two Origin fields are no listed one`() async throws {
        var headers = HTTPFields()
        headers.append(HTTPField(name: .origin, value: Self.listed))
        headers.append(HTTPField(name: .origin, value: "https://evil.example"))
        let answer = try await service().call(.get, "/healthz", headers: headers)
        #expect(answer.headers[.accessControlAllowOrigin] == nil)
    }

    @Test func `a cache is told that answers differ by origin, also where there was none`() async throws {
        let service = try await service()
        #expect(try await service.call(.get, "/healthz").headers[.vary] == "Origin")
        #expect(try await service.call(.get, "/healthz").headers[.accessControlAllowOrigin] == nil)
    }

    @Test func `without a list nobody gets leave`() async throws {
        let service = try await service([])
        for origin in Self.unlisted + [Self.listed] {
            for answer in [
                try await preflight(service, origin),
                try await service.call(.get, "/healthz", headers: [.origin: origin]),
            ] {
                for name in Self.crossOrigin { #expect(answer.headers[name] == nil) }
            }
        }
    }

    @Test func `OPTIONS that is no preflight, or for a path that is not there, is an ordinary request`() async throws {
        let service = try await service()
        #expect(try await preflight(service, Self.listed, method: nil).outcome == "405 method_not_allowed")
        #expect(try await preflight(service, nil).outcome == "405 method_not_allowed")
        #expect(try await preflight(service, Self.listed, "/nowhere").outcome == "404 not_found")
    }

    @Test func `a preflight opens nothing by itself`() async throws {
        let service = try await service()
        try await service.store(of: "alice")
        _ = try await preflight(service, Self.listed, "/api/api-keys/acme", method: "DELETE")
        #expect(try await service.rows(of: "alice").count == 1)
    }
}
