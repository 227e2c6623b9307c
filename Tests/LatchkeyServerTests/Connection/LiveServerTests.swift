import Foundation
import HTTPTypes
import Hummingbird
import HummingbirdTesting
import Testing

@testable import LatchkeyServer

/// The application as it is run, on a real socket: what the other suites find in parts holds for the whole.
@Suite(.timeLimit(.minutes(5)))
struct LiveServerTests {
    /// Runs the service on a free port, and `body` against it with a socket of its own.
    private func live<R: Sendable>(
        _ service: TestService? = nil, _ body: @escaping @Sendable (LiveSocket) throws -> R
    ) async throws -> R {
        let service = if let service { service } else { try await TestService() }
        let logger = Application(router: service.server.router).logger
        let application = service.server.application(hostname: "localhost", port: 0, logger: logger)
        return try await application.test(.live) { client in
            try await LiveSocket.run(port: try #require(client.port), body)
        }
    }

    private static func padding(_ count: Int, of size: Int) -> [String] {
        (0..<count).map { "X-Padding-\($0): \(String(repeating: "x", count: size))" }
    }

    @Test func `a request in single bytes is answered`() async throws {
        let answer = try await live { socket in
            for byte in RawRequest.health.utf8 { try socket.send([byte]) }
            return try socket.answer()
        }
        #expect(answer.outcome == "200")
        #expect(answer.headers[.xRequestID]?.utf8.count == 24)
        #expect(answer.headers[.cacheControl] == "no-store")
        #expect(answer.headers[.server] == nil)
    }

    @Test func `a key is set, seen and deleted on one connection`() async throws {
        let service = try await TestService()
        let user = "Authorization: Bearer \(TokenForge.user("alice"))"
        let json = #"{"provider":"acme","api_key":"sk-live-0123456789abcdef"}"#
        let answers = try await live(service) { socket in
            try socket.send(RawRequest.set("Content-Length: \(json.utf8.count)") + json)
            let set = try socket.answer()
            try socket.send(
                RawRequest.head("GET /api/api-keys/status/", [user]) + RawRequest.head("DELETE /api/api-keys/", [user]))
            return [set, try socket.answer(), try socket.answer()]
        }
        #expect(answers[0]["verdict"]?.string == "valid")
        #expect(answers[1]["keys"]?.elements?.count == 1)
        #expect(answers[2]["deleted"]?.integer == 1)
        #expect(try await service.rows(of: "alice").isEmpty)
    }

    @Test func `heads over the limits are 431`() async throws {
        for fields in [Self.padding(1, of: 70_000), Self.padding(72, of: 1000), Self.padding(200, of: 1)] {
            let answer = try await live { socket in
                try socket.send(RawRequest.head("GET /healthz", fields))
                return try socket.answer()
            }
            #expect(answer.outcome == "431 headers_too_large")
            #expect(answer.headers[.connection] == "close")
        }
        let allowed = try await live { socket in
            try socket.send(RawRequest.head("GET /healthz", Self.padding(199, of: 200)))
            return try socket.answer()
        }
        #expect(allowed.outcome == "200")
    }

    @Test func `an Authorization of a megabyte is a 401, and the client gets to read it`() async throws {
        let answer = try await live { socket in
            let token = String(repeating: "t", count: 1_000_000)
            try socket.send(RawRequest.head("GET /api/api-keys/status", ["Authorization: Bearer \(token)"]))
            return try socket.answer()
        }
        #expect(answer.outcome == "401 unauthorized")
    }

    @Test func `bodies over the limit are 413, announced, chunked or lied about`() async throws {
        let blanks = "{" + String(repeating: " ", count: 65_535) + "}"
        let chunked = "10001\r\n\(blanks)\r\n0\r\n\r\n"
        for request in [
            RawRequest.set("Content-Length: 65537") + blanks, RawRequest.set("Transfer-Encoding: chunked") + chunked,
            RawRequest.set("Content-Length: 99999999999"), RawRequest.set("Content-Length: 70000") + "{}",
        ] {
            let answer = try await live { socket in
                try socket.send(request)
                return try socket.answer()
            }
            #expect(answer.outcome == "413 body_too_large")
        }
        let atLimit = "{" + String(repeating: " ", count: 65_534) + "}"
        let answer = try await live { socket in
            try socket.send(RawRequest.set("Content-Length: 65536") + atLimit)
            return try socket.answer()
        }
        #expect(answer.outcome == "400 missing_member")
    }

    @Test func `garbage is a 400, and the connection ends`() async throws {
        let (answer, more) = try await live { socket in
            try socket.send("\u{16}\u{3}\u{1} this is not HTTP\r\n\r\n")
            let answer = try socket.answer()
            socket.finishSending()
            return (answer, try socket.rest())
        }
        #expect(answer.outcome == "400 invalid_request")
        #expect(more.isEmpty)
    }

    @Test func `the one who asks for it gets the connection closed after the answer`() async throws {
        let (answer, more) = try await live { socket in
            try socket.send(RawRequest.head("GET /healthz", ["Connection: close"]))
            return (try socket.answer(), try socket.rest())
        }
        #expect(answer.outcome == "200")
        #expect(more.isEmpty)
    }

    @Test func `fifty requests at once are fifty answers`() async throws {
        let outcomes = try await live { socket in
            try socket.send(String(repeating: RawRequest.health, count: 50))
            return try (0..<50).map { _ in try socket.answer().outcome }
        }
        #expect(outcomes == [String](repeating: "200", count: 50))
    }

    @Test func `after HEAD of what is there the connection goes on`() async throws {
        let (head, get) = try await live { socket in
            try socket.send(RawRequest.head("HEAD /healthz") + RawRequest.health)
            return (try socket.answer(toHead: true), try socket.answer())
        }
        #expect(head.status == 200)
        #expect(head.headers[.contentLength] == "\(get.body.count)")
        #expect(get.text == #"{"status":"ok"}"#)
    }

    /// The bytes of a body that must not be there are read as the beginning of the next answer.
    @Test func `after HEAD of what is not there the connection goes on`() async throws {
        let (status, next) = try await live { socket in
            try socket.send(RawRequest.head("HEAD /nowhere"))
            let head = try socket.answer(toHead: true)
            try socket.send(RawRequest.head("GET /healthz", ["Connection: close"]))
            return (head.status, String(decoding: try socket.rest().prefix(12), as: UTF8.self))
        }
        #expect(status == 404)
        #expect(next == "HTTP/1.1 200")
    }

    @Test func `who goes away in the middle leaves nothing behind`() async throws {
        let service = try await TestService()
        let logger = Application(router: service.server.router).logger
        let application = service.server.application(hostname: "localhost", port: 0, logger: logger)
        let outcome = try await application.test(.live) { client in
            let port = try #require(client.port)
            for beginning in [
                "", "GET", RawRequest.set("Content-Length: 500"), RawRequest.set("Content-Length: 500") + "{",
            ] {
                try await LiveSocket.run(port: port) { socket in try socket.send(beginning + " ") }
            }
            return try await LiveSocket.run(port: port) { socket in
                try socket.send(RawRequest.health)
                return try socket.answer().outcome
            }
        }
        #expect(outcome == "200")
        #expect(try await service.rows(of: "alice").isEmpty)
    }
}
