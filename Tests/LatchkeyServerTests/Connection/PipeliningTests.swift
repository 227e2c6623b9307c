import HTTPTypes
import NIOCore
import Testing

@testable import LatchkeyServer

/// Several requests on one connection.
@Suite(.timeLimit(.minutes(5)))
struct PipeliningTests {
    private static let set = #"{"provider":"acme","api_key":"sk-piped-0123456789"}"#

    @Test(arguments: [1, 50, 65_536])
    func `requests that are sent at once are answered one by one, in order`(piece: Int) async throws {
        let service = try await TestService()
        let user = "Authorization: Bearer \(TokenForge.user("alice"))"
        let requests = [
            RawRequest.health, RawRequest.head("GET /nowhere"),
            RawRequest.set("Content-Length: \(Self.set.utf8.count)") + Self.set,
            RawRequest.head("GET /api/api-keys/status", [user]), RawRequest.head("GET /api/api-keys/status"),
            RawRequest.head("DELETE /api/api-keys/acme", [user]), RawRequest.head("DELETE /api/api-keys/acme", [user]),
            RawRequest.health,
        ]
        try await Connection.open(to: service) { connection in
            try await connection.send(requests.joined(), inPiecesOf: piece)
            var outcomes: [String] = []
            for _ in requests { outcomes.append(try await connection.answer().outcome) }
            #expect(
                outcomes == [
                    "200", "404 not_found", "200", "200", "401 unauthorized", "200", "404 key_not_found", "200",
                ])
            #expect(try await connection.unread().isEmpty)
        }
    }

    @Test func `fifty requests in one read are fifty answers`() async throws {
        try await Connection.open(to: TestService()) { connection in
            try await connection.send(String(repeating: RawRequest.health, count: 50))
            for _ in 0..<50 { #expect(try await connection.answer().outcome == "200") }
        }
    }

    @Test func `a body is not taken for a request`() async throws {
        let smuggled = RawRequest.head("DELETE /api/api-keys", ["Authorization: Bearer \(TokenForge.user("alice"))"])
        let service = try await TestService()
        try await service.store(of: "alice")
        try await Connection.open(to: service) { connection in
            try await connection.send(RawRequest.set("Content-Length: \(smuggled.utf8.count)") + smuggled)
            #expect(try await connection.answer().outcome == "400 bad_json")
            #expect(try await connection.unread().isEmpty)
        }
        #expect(try await service.rows(of: "alice").count == 1)
    }

    /// Whoever reads answers in order takes the first one for the first request's.
    @Test func `a request before garbage gets its own answer first`() async throws {
        let service = try await TestService()
        let (arrived, release) = service.provider.holdNext()
        try await Connection.open(to: service) { connection in
            try await connection.send(RawRequest.set("Content-Length: \(Self.set.utf8.count)") + Self.set)
            await arrived.wait()
            try await connection.send("garbage\r\n\r\n")
            release.open()
            #expect(try await connection.answer().outcome == "200")
            let second = try await connection.answer()
            #expect(second.outcome == "400 invalid_request")
            #expect(second.headers[.connection] == "close")
            await connection.pass(.seconds(3))
            #expect(!connection.isOpen)
        }
    }

    /// Some clients send one empty line too many.
    @Test(arguments: [RawRequest.health, "\r\n", "x"])
    func `a last request gets its answer, whatever comes after it`(more: String) async throws {
        try await Connection.open(to: TestService()) { connection in
            try await connection.send(RawRequest.head("GET /healthz", ["Connection: close"]) + more)
            #expect(try await connection.answer().outcome == "200")
        }
    }

    @Test func `a request before a slow head gets its own answer first`() async throws {
        let service = try await TestService()
        let (arrived, release) = service.provider.holdNext()
        try await Connection.open(to: service) { connection in
            try await connection.send(RawRequest.set("Content-Length: \(Self.set.utf8.count)") + Self.set)
            await arrived.wait()
            try await connection.send("GET /healthz HT")
            await connection.pass(.seconds(10))
            release.open()
            #expect(try await connection.answer().outcome == "200")
            let second = try await connection.answer()
            #expect(second.outcome == "408 request_timeout")
            #expect(second.headers[.connection] == "close")
            await connection.pass(.seconds(3))
            #expect(!connection.isOpen)
        }
    }

    @Test func `a request before a head that is too large gets its own answer first`() async throws {
        let service = try await TestService()
        let (arrived, release) = service.provider.holdNext()
        try await Connection.open(to: service) { connection in
            try await connection.send(RawRequest.set("Content-Length: \(Self.set.utf8.count)") + Self.set)
            await arrived.wait()
            let field = "X-Padding: " + String(repeating: "x", count: 70_000)
            try await connection.send(RawRequest.head("GET /healthz", [field]), inPiecesOf: 16_384)
            #expect(try await connection.unread() == "")
            release.open()
            #expect(try await connection.answer().outcome == "200")
            #expect(try await connection.answer().outcome == "431 headers_too_large")
        }
    }

    @Test func `a request before a slow body gets its own answer first`() async throws {
        let service = try await TestService()
        let (arrived, release) = service.provider.holdNext()
        try await Connection.open(to: service) { connection in
            try await connection.send(RawRequest.set("Content-Length: \(Self.set.utf8.count)") + Self.set)
            await arrived.wait()
            try await connection.send(RawRequest.set("Content-Length: 100") + "{")
            await connection.pass(.seconds(20))
            #expect(try await connection.unread() == "")
            release.open()
            #expect(try await connection.answer().outcome == "200")
            #expect(try await connection.answer().outcome == "408 request_timeout")
        }
        #expect(try await service.rows(of: "alice").count == 1)
    }
}
