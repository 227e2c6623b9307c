import HTTPTypes
import Testing

@testable import LatchkeyServer

/// What every answer carries, whatever it says.
struct AnswerHeaderTests {
    /// Every route as each row of the matrix asks it, answered well and refused, and what no route answers.
    private func answers(_ service: TestService, _ headers: HTTPFields = [:]) async throws -> [(String, Answer)] {
        var answers: [(String, Answer)] = []
        for route in service.routes {
            let key = "\(route.method.rawValue) \(route.path)"
            let row = try #require(RouteMatrixTests.table[key])
            let good = service.bearer(for: route.access)
            for bearer in [good, "x"] {
                try await service.store(of: "owner")
                let answer = try await service.call(
                    route.method, row.uri, bearer: bearer, headers: headers, json: row.json)
                answers.append((key, answer))
            }
            answers.append((key, try await service.call(.patch, row.uri, headers: headers)))
            answers.append((key, try await service.call(.post, row.uri, bearer: good, headers: headers, json: "{")))
        }
        for uri in [
            "/", "/nowhere", "/api", "/api/api-keys/validate", "/api/api-keys/validate/a/b", "/healthz/x", "/.env",
        ] {
            answers.append((uri, try await service.call(.get, uri, headers: headers)))
        }
        return answers
    }

    @Test func `no answer may be kept or sniffed, and each has an id of its own`() async throws {
        let answers = try await answers(TestService())
        for (what, answer) in answers {
            // A file of the pages is the same for everybody, and asked for again each time (`WebRouteTests`).
            let isFile = answer.headers[.eTag] != nil
            #expect(isFile == (what == "GET /ui/:name" && answer.status == 200), "\(what)")
            #expect(answer.headers[values: .cacheControl] == [isFile ? "no-cache" : "no-store"], "\(what)")
            #expect(answer.headers[values: .xContentTypeOptions] == ["nosniff"], "\(what)")
            #expect(answer.headers[values: .xRequestID].count == 1, "\(what)")
            #expect(answer.headers[.server] == nil, "\(what)")
        }
        let ids = answers.compactMap { $0.1.headers[.xRequestID] }
        #expect(Set(ids).count == ids.count)
        #expect(ids.allSatisfy { $0.utf8.count == 24 && $0.allSatisfy(\.isHexDigit) })
        #expect(Set(answers.map(\.1.status)).isSuperset(of: [200, 400, 401, 404, 405]))
    }

    @Test(arguments: ["a", "0", "Trace.7_of-9", "..", String(repeating: "x", count: 64)])
    func `a caller's id comes back in each answer`(given: String) async throws {
        for (what, answer) in try await answers(TestService(), [.xRequestID: given]) {
            #expect(answer.headers[.xRequestID] == given, "\(what)")
            if answer.code != nil { #expect(answer["request_id"]?.string == given, "\(what)") }
        }
    }

    @Test(arguments: [
        "", "two words", "semi;colon", "\"quoted\"", "sl/ash", "caf\u{e9}", "${jndi:x}", "a,b", "a\tb", "<b>",
        "a%0d%0ab",
        String(repeating: "x", count: 65), String(repeating: "x", count: 5000),
    ])
    func `an id that is no plain word is replaced`(given: String) async throws {
        let service = try await TestService()
        for bearer in ["x", TokenForge.user("alice")] {
            let answer = try await service.call(
                .get, "/api/api-keys/status", bearer: bearer, headers: [.xRequestID: given])
            let id = try #require(answer.headers[.xRequestID])
            #expect(id != given)
            #expect(id.utf8.count == 24)
            #expect(given.isEmpty || !answer.text.contains(given))
        }
    }

    @Test func `two ids are none`() async throws {
        var headers = HTTPFields()
        headers.append(HTTPField(name: .xRequestID, value: "one"))
        headers.append(HTTPField(name: .xRequestID, value: "two"))
        let answer = try await TestService().call(.get, "/healthz", headers: headers)
        #expect(answer.headers[.xRequestID]?.utf8.count == 24)
    }
}
