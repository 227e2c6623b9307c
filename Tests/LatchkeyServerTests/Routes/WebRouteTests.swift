import HTTPTypes
import LatchkeyWeb
import Testing

@testable import LatchkeyServer

/// Latchkey's own pages and their files, as they are sent.
struct WebRouteTests {
    private static let pages =
        ["/ui/", "/ui/usage", "/ui/activity", "/ui/security", "/ui/setup", "/ui/admin"]
        + ["/ui/sign-in", "/ui/embed"]
    private static let files = WebFile.all.map(\.name).filter { $0 != "page.html" }

    @Test(arguments: pages)
    func `a page is for the moment, and is told what it must not do`(uri: String) async throws {
        let answer = try await TestService().call(.get, uri)
        #expect(answer.status == 200)
        #expect(answer.headers[.contentType] == "text/html; charset=utf-8")
        #expect(answer.headers[values: .cacheControl] == ["no-store"])
        let policy = try #require(answer.headers[.contentSecurityPolicy])
        for part in [
            "default-src 'none'", "script-src 'self'", "style-src 'self'", "connect-src 'self'", "base-uri 'none'",
            "form-action 'self'", "frame-ancestors 'none'", "require-trusted-types-for 'script'",
        ] { #expect(policy.contains(part)) }
        #expect(!policy.contains("unsafe"))
        #expect(answer.headers[.openerPolicy] == (uri == "/ui/embed" ? nil : "same-origin"))
    }

    @Test func `every file is there, and asked for again with its tag it is not sent again`() async throws {
        let service = try await TestService()
        for name in Self.files {
            let answer = try await service.call(.get, "/ui/\(name)")
            #expect(answer.status == 200, "\(name)")
            let tag = try #require(answer.headers[.eTag])
            #expect(answer.headers[.cacheControl] == "no-cache")
            #expect(answer.headers[.contentEncoding] == nil)
            let importable = WebFile.all.first { $0.name == name }?.isImportable == true
            #expect(
                answer.headers[.crossOriginResourcePolicy] == (importable ? "cross-origin" : "same-origin"), "\(name)")
            for (given, status) in [
                (tag, 304), ("W/\(tag)", 304), ("\"x\", \(tag)", 304), ("*", 304), ("\"x\"", 200), ("", 200),
                (String(tag.dropLast(2)) + "\"", 200),
            ] {
                let again = try await service.call(.get, "/ui/\(name)", headers: [.ifNoneMatch: given])
                #expect(again.status == status, "\(name) \(given)")
                #expect(again.headers[.eTag] == tag)
                if status == 304 { #expect(again.body.isEmpty && again.headers[.contentType] == nil) }
            }
        }
    }

    @Test func `who takes gzip gets it, under a tag of its own`() async throws {
        let service = try await TestService()
        let plain = try await service.call(.get, "/ui/api-key-service.js")
        for (field, isTaken) in [
            ("gzip", true), ("br, gzip;q=0.5", true), ("GZIP", true), ("deflate,gzip", true), ("gzip;q=0", false),
            ("gzip; q=0.000", false), ("br", false), ("identity", false), ("xgzip", false), ("", false),
            ("gzip;q=0.001", true),
        ] {
            let answer = try await service.call(.get, "/ui/api-key-service.js", headers: [.acceptEncoding: field])
            #expect((answer.headers[.contentEncoding] == "gzip") == isTaken, "\(field)")
            #expect((answer.headers[.eTag] == plain.headers[.eTag]) == !isTaken, "\(field)")
            #expect((answer.body == plain.body) == !isTaken, "\(field)")
            #expect(answer.headers[.vary]?.contains("Accept-Encoding") == true)
        }
    }

    @Test(arguments: [
        "/ui/nothing", "/ui/page.html", "/ui/keys", "/ui/..", "/ui/%2e%2e", "/ui/style%2ecss", "/ui/../ui/style.css",
        "/ui/Style.css", "/ui/style.css%00", "/ui/style.css/x", "/ui/.hidden",
    ])
    func `what is not there is a problem, with the same policy`(uri: String) async throws {
        let answer = try await TestService().call(.get, uri)
        #expect(answer.outcome == "404 not_found")
        #expect(answer.headers[.contentSecurityPolicy]?.contains("default-src 'none'") == true)
        #expect(answer.headers[values: .cacheControl] == ["no-store"])
    }

    @Test func `without its slash the first page is somewhere else`() async throws {
        let answer = try await TestService().call(.get, "/ui")
        #expect(answer.status == 308)
        #expect(answer.headers[.location] == "/ui/")
        #expect(answer.headers[.contentSecurityPolicy] != nil)
    }

    /// What a listed origin may read it is told, and a cache keeps both answers apart.
    @Test func `a listed origin may import a module`() async throws {
        let service = try await TestService(TestService.Options(origins: ["https://app.example"]))
        let answer = try await service.call(.get, "/ui/latchkey-keys.js", headers: [.origin: "https://app.example"])
        #expect(answer.headers[.accessControlAllowOrigin] == "https://app.example")
        #expect(answer.headers[.vary] == "Accept-Encoding, Origin")
        let other = try await service.call(.get, "/ui/latchkey-keys.js", headers: [.origin: "https://evil.example"])
        #expect(other.headers[.accessControlAllowOrigin] == nil)
    }

    @Test func `no other answer carries a page's policy`() async throws {
        for uri in ["/healthz", "/openapi.yaml", "/api/api-keys/status", "/uix", "/"] {
            #expect(try await TestService().call(.get, uri).headers[.contentSecurityPolicy] == nil, "\(uri)")
        }
    }
}

extension HTTPField.Name {
    fileprivate static let openerPolicy = HTTPField.Name("Cross-Origin-Opener-Policy") ?? .server
}
