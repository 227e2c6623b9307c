import HTTPTypes
import LatchkeyCore
import Testing

@testable import LatchkeyServer

/// Around a body: its content type, its size, and the ways to name a user beside it.
struct BodyLimitTests {
    private static let good = #"{"provider":"acme","api_key":"sk-a-0123456789"}"#

    @Test func `a body that is not declared as JSON is unsupported_media_type`() async throws {
        let service = try await TestService()
        for type in [
            nil, "", "text/plain", "text/json", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x",
            "application/jsonx", "application/problem+json", "application/json, text/plain",
            "text/plain; application/json",
            "application", "json", "application/json/x", "application/xml;application/json",
        ] {
            var headers = HTTPFields()
            if let type { headers[.contentType] = type }
            let answer = try await service.call(
                .post, "/api/api-keys/set", bearer: TokenForge.user("alice"), headers: headers,
                body: Array(Self.good.utf8))
            #expect(answer.outcome == "415 unsupported_media_type", "\(type ?? "none")")
            #expect(try await service.rows(of: "alice").isEmpty)
        }
    }

    @Test(arguments: [
        "application/json", "Application/JSON", "application/json; charset=utf-8", "application/json;charset=UTF-8",
        "application/json ; x=y",
    ])
    func `JSON is JSON with any parameters and in any case`(type: String) async throws {
        let answer = try await TestService().call(
            .post, "/api/api-keys/set", bearer: TokenForge.user("alice"), headers: [.contentType: type], json: Self.good
        )
        #expect(answer.status == 200)
    }

    @Test func `routes without members need no content type until there is a body`() async throws {
        let service = try await TestService()
        try await service.store(of: "alice")
        for (method, uri) in [
            (HTTPRequest.Method.post, "/api/api-keys/validate/acme"), (.delete, "/api/api-keys/acme"),
        ] {
            let answer = try await service.call(method, uri, bearer: TokenForge.user("alice"), body: Array("{}".utf8))
            #expect(answer.outcome == "415 unsupported_media_type")
            #expect(try await service.call(method, uri, bearer: TokenForge.user("alice")).status == 200)
        }
    }

    /// Blanks are JSON too: at the limit the body is read and understood.
    @Test(arguments: ["/api/api-keys/set", "/api/api-keys/set-initial", "/api/service/resolve"])
    func `65,536 bytes are read and 65,537 are body_too_large`(uri: String) async throws {
        let service = try await TestService()
        let bearer =
            switch uri {
            case "/api/service/resolve": TestService.serviceToken
            case "/api/api-keys/set-initial": TestService.setupToken
            default: TokenForge.user("alice")
            }
        for (size, expected) in [
            (65_536, "400 missing_member"), (65_537, "413 body_too_large"), (200_000, "413 body_too_large"),
        ] {
            let body = Array(("{" + String(repeating: " ", count: size - 2) + "}").utf8)
            let answer = try await service.call(
                .post, uri, bearer: bearer, headers: [.contentType: "application/json"], body: body)
            #expect(answer.outcome == expected, "\(size)")
        }
    }

    @Test func `routes without members read no larger body either`() async throws {
        let service = try await TestService()
        try await service.store(of: "alice")
        for (method, uri) in [
            (HTTPRequest.Method.post, "/api/api-keys/validate/acme"), (.delete, "/api/api-keys/acme"),
            (.delete, "/api/api-keys"),
        ] {
            let body = [UInt8](repeating: 0x20, count: 65_537)
            let answer = try await service.call(method, uri, bearer: TokenForge.user("alice"), body: body)
            #expect(answer.outcome == "413 body_too_large")
        }
        #expect(try await service.rows(of: "alice").count == 1)
    }

    @Test func `a user beside the token's is user_id_not_allowed on every route of a user`() async throws {
        let service = try await TestService()
        try await service.store(of: "alice")
        try await service.store(of: "bob")
        let before = (try await service.rows(of: "alice"), try await service.rows(of: "bob"))
        let headers = ["X-User-Id", "x-user-id", "User-Id", "X-User", "X-UserId", "user_id", "X-User_ID"]
        for route in service.routes where route.access == .user {
            let uri = route.path.replacing(":provider", with: "acme")
            let json = route.method == .put ? #"{"global_fallback":false}"# : uri.hasSuffix("/set") ? Self.good : nil
            for name in headers {
                let name = try #require(HTTPField.Name(name))
                let answer = try await service.call(
                    route.method, uri, bearer: TokenForge.user("alice"), headers: [name: "bob"], json: json)
                #expect(answer.outcome == "400 user_id_not_allowed", "\(route.method) \(uri) \(name)")
            }
            for query in ["user_id=bob", "user_id=alice", "user_id=", "name=default&user_id=bob", "user_id"] {
                let answer = try await service.call(
                    route.method, "\(uri)?\(query)", bearer: TokenForge.user("alice"), json: json)
                #expect(answer.outcome == "400 user_id_not_allowed", "\(route.method) \(uri)?\(query)")
            }
        }
        #expect(try await service.rows(of: "alice") == before.0)
        #expect(try await service.rows(of: "bob") == before.1)
        #expect(try await service.store.setting(.globalFallback, of: UserID("alice")) == nil)
    }

    /// Hummingbird decodes a query's values and leaves its names as they are.
    @Test func `a name in the query is the same name however it is spelled`() async throws {
        let service = try await TestService()
        try await service.store(of: "alice")
        let user = TokenForge.user("alice")
        let named = try await service.call(.get, "/api/api-keys/status?user%5Fid=bob", bearer: user)
        let deleted = try await service.call(.delete, "/api/api-keys/acme?n%61me=work", bearer: user)
        let names = try await service.rows(of: "alice").map(\.name.text)
        #expect(named.outcome == "400 user_id_not_allowed")
        #expect(deleted.outcome == "404 key_not_found")
        #expect(names == ["default"])
    }

    @Test func `who names a user without a good token learns nothing more`() async throws {
        let answer = try await TestService().call(
            .get, "/api/api-keys/status?user_id=bob", bearer: "x", headers: [.xUserID: "bob"])
        #expect(answer.outcome == "401 unauthorized")
    }
}
