import HTTPTypes
import NIOCore
import Testing

@testable import LatchkeyServer

/// Requests that take too long to arrive and answers that nobody takes. Time here is the event loop's, moved by hand.
@Suite(.timeLimit(.minutes(5)))
struct DeadlineTests {
    private static var limits: ServerLimits {
        var limits = ServerLimits()
        limits.headDeadline = .seconds(2)
        limits.bodyDeadline = .seconds(5)
        limits.writeDeadline = .seconds(7)
        return limits
    }

    private func open(_ body: @Sendable @escaping (Connection) async throws -> Void) async throws {
        try await Connection.open(to: TestService(TestService.Options(limits: Self.limits)), body)
    }

    /// A 408 with a problem, then the close.
    private static func expectTimeout(
        _ connection: Connection, sourceLocation: SourceLocation = #_sourceLocation
    ) async throws {
        let answer = try await connection.answer()
        #expect(answer.outcome == "408 request_timeout", sourceLocation: sourceLocation)
        #expect(answer.headers[.connection] == "close", sourceLocation: sourceLocation)
        #expect(answer["request_id"]?.string == answer.headers[.xRequestID], sourceLocation: sourceLocation)
        await connection.pass(.seconds(3))
        #expect(!connection.isOpen, sourceLocation: sourceLocation)
    }

    @Test(arguments: ["G", "GET /healthz HTTP/1.1\r\n", "GET /healthz HTTP/1.1\r\nHost: x\r\nX-A: "])
    func `a head that stops is given its time and no more`(beginning: String) async throws {
        try await open { connection in
            try await connection.send(beginning)
            await connection.pass(.milliseconds(1999))
            #expect(try await connection.unread().isEmpty)
            await connection.pass(.milliseconds(1))
            try await Self.expectTimeout(connection)
        }
    }

    @Test func `a head that trickles wins no time by it`() async throws {
        try await open { connection in
            try await connection.send("GET /healthz HTTP/1.1\r\n")
            for _ in 0..<19 {
                await connection.pass(.milliseconds(100))
                try await connection.send("X")
            }
            #expect(try await connection.unread().isEmpty)
            await connection.pass(.milliseconds(100))
            try await Self.expectTimeout(connection)
        }
    }

    @Test(arguments: ["", "{", #"{"provider":"acme""#])
    func `a body that stops is given its time and no more`(beginning: String) async throws {
        try await open { connection in
            try await connection.send(RawRequest.set("Content-Length: 500") + beginning)
            await connection.pass(.milliseconds(4999))
            #expect(try await connection.unread().isEmpty)
            await connection.pass(.milliseconds(1))
            try await Self.expectTimeout(connection)
        }
    }

    @Test(arguments: ["Content-Length: 500", "Transfer-Encoding: chunked"])
    func `a body that trickles wins no time by it`(length: String) async throws {
        try await open { connection in
            try await connection.send(RawRequest.set(length))
            for _ in 0..<49 {
                await connection.pass(.milliseconds(100))
                try await connection.send(length.hasPrefix("C") ? " " : "1\r\n \r\n")
            }
            #expect(try await connection.unread().isEmpty)
            await connection.pass(.milliseconds(100))
            try await Self.expectTimeout(connection)
        }
    }

    @Test func `a request that arrives in time is answered, and its timer is gone`() async throws {
        try await open { connection in
            try await connection.send("GET /healthz HTTP/1.1\r\n")
            await connection.pass(.milliseconds(1900))
            try await connection.send("Host: x\r\n\r\n")
            #expect(try await connection.answer().outcome == "200")
            await connection.pass(.seconds(20))
            #expect(try await connection.unread().isEmpty)
            #expect(connection.isOpen)
            try await connection.send(RawRequest.set("Content-Length: 2"))
            await connection.pass(.milliseconds(4900))
            try await connection.send("{}")
            #expect(try await connection.answer().outcome == "400 missing_member")
            await connection.pass(.seconds(20))
            #expect(try await connection.unread().isEmpty)
            #expect(connection.isOpen)
        }
    }

    /// Between two requests there is none that could be late: what ends an idle connection is its idle time, silently.
    @Test(arguments: [10, 65_536])
    func `a connection that waits between requests is told nothing`(piece: Int) async throws {
        try await open { connection in
            for (request, expected) in [
                (RawRequest.health, "200"), (RawRequest.set("Content-Length: 2") + "{}", "400 missing_member"),
                (RawRequest.health + RawRequest.health, "200"),
            ] {
                try await connection.send(request, inPiecesOf: piece)
                #expect(try await connection.answer().outcome == expected)
                if request.utf8.count == 2 * RawRequest.health.utf8.count { _ = try await connection.answer() }
                await connection.pass(.seconds(30))
                #expect(try await connection.unread() == "")
                #expect(connection.isOpen)
            }
        }
    }

    @Test func `each request of a connection has its own time`() async throws {
        try await open { connection in
            for _ in 0..<3 {
                try await connection.send("GET /healthz HTTP/1.1\r\n")
                await connection.pass(.milliseconds(1500))
                try await connection.send("Host: x\r\n\r\n")
                #expect(try await connection.answer().outcome == "200")
            }
            try await connection.send("GET /healthz HTTP/1.1\r\n")
            await connection.pass(.seconds(2))
            try await Self.expectTimeout(connection)
        }
    }

    /// A check at the provider may take longer than a head may: the client has sent all it had to.
    @Test func `a request that takes long to answer is not one that takes long to arrive`() async throws {
        let service = try await TestService(TestService.Options(limits: Self.limits))
        let (arrived, release) = service.provider.holdNext()
        let json = #"{"provider":"acme","api_key":"sk-slow-0123456789"}"#
        try await Connection.open(to: service) { connection in
            try await connection.send(RawRequest.set("Content-Length: \(json.utf8.count)") + json)
            await arrived.wait()
            await connection.pass(.seconds(30))
            #expect(try await connection.unread().isEmpty)
            release.open()
            #expect(try await connection.answer().status == 200)
        }
    }

    @Test func `a client that does not read is left after its time`() async throws {
        try await open { connection in
            try await connection.setWritable(false)
            await connection.pass(.milliseconds(6999))
            #expect(connection.isOpen)
            await connection.pass(.milliseconds(1))
            #expect(!connection.isOpen)
        }
    }

    @Test func `a client that reads again in time stays`() async throws {
        try await open { connection in
            for isWritable in [false, true] {
                try await connection.setWritable(isWritable)
                await connection.pass(.seconds(6))
            }
            await connection.pass(.seconds(20))
            #expect(connection.isOpen)
            try await connection.send(RawRequest.health)
            #expect(try await connection.answer().outcome == "200")
        }
    }

    @Test func `the deadlines are ten, twenty and thirty seconds unless told otherwise`() {
        let limits = ServerLimits()
        #expect(limits.headDeadline == .seconds(10))
        #expect(limits.bodyDeadline == .seconds(20))
        #expect(limits.writeDeadline == .seconds(30))
        #expect(limits.headerBytes == 65_536)
        #expect(limits.headerFields == 200)
    }

    /// `ServerLimits.bodyDeadline` runs from the end of the head.
    @Test func `a body has its own time also when the head came in pieces`() async throws {
        try await open { connection in
            let head = Array(RawRequest.set("Content-Length: 2").utf8)
            try await connection.send(head[..<20])
            await connection.pass(.milliseconds(1000))
            try await connection.send(head[20...])
            await connection.pass(.milliseconds(1500))
            try await connection.send("{}")
            #expect(try await connection.answer().outcome == "400 missing_member")
        }
    }

    /// Two final answers to one request: whoever stands between takes the second for the answer to the next.
    @Test(arguments: [
        ("Content-Length: 70000", "413 body_too_large"),
        ("Content-Length: 70000\r\nX-User-Id: bob", "400 user_id_not_allowed"),
    ])
    func `an answer that came before the body was complete is the only one`(fields: String, expected: String)
        async throws
    {
        try await open { connection in
            try await connection.send(RawRequest.set(fields))
            #expect(try await connection.answer().outcome == expected)
            await connection.pass(.seconds(5))
            #expect(try await connection.unread() == "")
            #expect(!connection.isOpen)
        }
    }

    /// One that stops at once is ended by the connection's idle time.
    @Test func `a head that begins in the read of the request before, and trickles on, has its deadline`() async throws
    {
        try await open { connection in
            try await connection.send(RawRequest.health + "GET /healthz HTTP/1.1\r\nHost: x\r\n")
            #expect(try await connection.answer().outcome == "200")
            await connection.pass(.seconds(30))
            try await connection.send("X")
            await connection.pass(.seconds(2))
            try await Self.expectTimeout(connection)
        }
    }
}
