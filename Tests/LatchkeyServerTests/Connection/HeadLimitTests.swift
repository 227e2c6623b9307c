import HTTPTypes
import NIOCore
import Testing

/// Heads that are too large, have too many fields, or are none: each is answered with a problem, and then it is over.
@Suite(.timeLimit(.minutes(5)))
struct HeadLimitTests {
    /// Sends a head in reads of a size and expects to be refused with a problem and a close.
    private func expect(
        _ head: String, _ outcome: String, piece: Int = 16_384, sourceLocation: SourceLocation = #_sourceLocation
    ) async throws {
        try await Connection.open(to: TestService()) { connection in
            try await connection.send(head, inPiecesOf: piece)
            let answer = try await connection.answer()
            #expect(answer.outcome == outcome, sourceLocation: sourceLocation)
            #expect(answer.headers[.connection] == "close", sourceLocation: sourceLocation)
            #expect(answer.headers[.cacheControl] == "no-store", sourceLocation: sourceLocation)
            #expect(answer.headers[.xContentTypeOptions] == "nosniff", sourceLocation: sourceLocation)
            #expect(answer["request_id"]?.string == answer.headers[.xRequestID], sourceLocation: sourceLocation)
            #expect(
                (answer.headers[.wwwAuthenticate] == "Bearer") == (answer.status == 401), sourceLocation: sourceLocation
            )
            // Nothing that follows is read, and after a moment the connection goes.
            #expect(connection.isOpen, sourceLocation: sourceLocation)
            try await connection.send(RawRequest.health)
            #expect(try await connection.unread().isEmpty, sourceLocation: sourceLocation)
            await connection.pass(.seconds(3))
            #expect(!connection.isOpen, sourceLocation: sourceLocation)
        }
    }

    private static func padding(_ count: Int, of size: Int) -> [String] {
        (0..<count).map { "X-Padding-\($0): \(String(repeating: "x", count: size))" }
    }

    @Test(arguments: [1000, 4096, 16_384, 65_536])
    func `one field over the limit`(piece: Int) async throws {
        try await expect(
            RawRequest.head("GET /healthz", Self.padding(1, of: 70_000)), "431 headers_too_large", piece: piece)
    }

    @Test(arguments: [1000, 4096, 16_384, 65_536])
    func `many fields over the limit together`(piece: Int) async throws {
        try await expect(
            RawRequest.head("GET /healthz", Self.padding(70, of: 1000)), "431 headers_too_large", piece: piece)
    }

    @Test(arguments: [1, 100, 65_536])
    func `200 fields are read, 201 are too many`(piece: Int) async throws {
        // `Host` is one of them.
        try await Connection.open(to: TestService()) { connection in
            try await connection.send(RawRequest.head("GET /healthz", Self.padding(199, of: 1)), inPiecesOf: piece)
            #expect(try await connection.answer().outcome == "200")
        }
        try await expect(
            RawRequest.head("GET /healthz", Self.padding(200, of: 1)), "431 headers_too_large", piece: piece)
    }

    @Test func `a head just under the limit is read`() async throws {
        try await Connection.open(to: TestService()) { connection in
            try await connection.send(RawRequest.head("GET /healthz", Self.padding(60, of: 1000)), inPiecesOf: 4096)
            #expect(try await connection.answer().outcome == "200")
            try await connection.send(RawRequest.head("GET /healthz", Self.padding(1, of: 60_000)), inPiecesOf: 4096)
            #expect(try await connection.answer().outcome == "200")
        }
    }

    @Test func `a request line over the limit`() async throws {
        try await expect(RawRequest.head("GET /" + String(repeating: "a", count: 100_000)), "431 headers_too_large")
        try await expect(String(repeating: "A", count: 100_000), "400 invalid_request")
    }

    /// Bytes of requests that are done do not count towards the next one's head.
    @Test(arguments: [100, 4096, 65_536])
    func `many small requests on one connection are never too large`(piece: Int) async throws {
        try await Connection.open(to: TestService()) { connection in
            let requests = String(repeating: RawRequest.head("GET /healthz", Self.padding(10, of: 100)), count: 100)
            #expect(requests.utf8.count > 100_000)
            try await connection.send(requests, inPiecesOf: piece)
            for _ in 0..<100 { #expect(try await connection.answer().outcome == "200") }
        }
    }

    /// A token that large is a token that does not work, and says no more than any other.
    @Test(arguments: [(1000, 200_000), (16_384, 1_000_000), (65_536, 200_000)])
    func `an Authorization far over the limit is a 401, and no other field is`(piece: Int, size: Int) async throws {
        let token = String(repeating: "t", count: size)
        for name in ["Authorization", "authorization", "AUTHORIZATION"] {
            try await expect(
                RawRequest.head("GET /api/api-keys/status", ["\(name): Bearer \(token)"]), "401 unauthorized",
                piece: piece)
        }
        try await expect(
            RawRequest.head("GET /api/api-keys/status", Self.padding(3, of: 100) + ["Authorization: Bearer \(token)"]),
            "401 unauthorized", piece: piece)
        for name in ["X-Authorization", "Authorization-X", "Proxy-Authorization", "X-Setup-Token"] {
            try await expect(
                RawRequest.head("GET /api/api-keys/status", ["\(name): Bearer \(token)"]), "431 headers_too_large",
                piece: piece)
        }
    }

    /// The head ends in the read in which it grows too large.
    @Test func `an Authorization a little over the limit is a 401 too`() async throws {
        try await Connection.open(to: TestService()) { connection in
            let token = String(repeating: "t", count: 66_000)
            try await connection.send(
                RawRequest.head("GET /api/api-keys/status", ["Authorization: Bearer \(token)"]), inPiecesOf: 16_384)
            #expect(try await connection.answer().outcome == "401 unauthorized")
        }
    }

    /// Ids apart, it is the body that a wrong token gets.
    @Test func `the 401 of an oversized token is the 401 of any token`() async throws {
        let service = try await TestService()
        let small = try await service.call(.get, "/api/api-keys/status", bearer: "x")
        try await Connection.open(to: service) { connection in
            let token = String(repeating: "t", count: 200_000)
            try await connection.send(
                RawRequest.head("GET /api/api-keys/status", ["Authorization: Bearer \(token)"]), inPiecesOf: 16_384)
            let answer = try await connection.answer()
            for name in ["type", "title", "code", "detail"] {
                #expect(answer[name]?.string == small[name]?.string)
            }
            #expect(answer.headers[.contentType] == small.headers[.contentType])
        }
    }

    @Test(arguments: [
        "\u{16}\u{3}\u{1}\u{2}\u{0}\u{1}", "\u{0}\u{0}\u{0}\u{0}\r\n\r\n", "GET\r\n\r\n", "hello\r\n\r\n",
        "GET / HTTP/9.9\r\n\r\n", "GET /healthz HTTP/1.1\r\nHost: x\r\nBad Header: 1\r\n\r\n",
        "GET /healthz HTTP/1.1\r\nHost: x\r\nA: b\u{0}c\r\n\r\n", "GET /healthz HTTP/1.1\r\n: x\r\n\r\n",
        "GET /a b HTTP/1.1\r\n\r\n", "POST / HTTP/1.1\r\nContent-Length: x\r\n\r\n",
        "POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", "POST / HTTP/1.1\r\nContent-Length: 5, 6\r\n\r\n",
        "POST / HTTP/1.1\r\nContent-Length: 99999999999999999999999\r\n\r\n",
        "POST / HTTP/1.1\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
        "POST / HTTP/1.1\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n{}",
        "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "{\"provider\":\"acme\"}\r\n\r\n",
    ])
    func `what is not HTTP is a 400`(bytes: String) async throws {
        try await Connection.open(to: TestService()) { connection in
            try await connection.send(bytes)
            let answer = try await connection.answer()
            #expect(answer.outcome == "400 invalid_request")
            #expect(answer.headers[.connection] == "close")
            #expect(try await connection.unread().isEmpty)
            await connection.pass(.seconds(3))
            #expect(!connection.isOpen)
        }
    }

    @Test func `a head in single bytes is read like any other`() async throws {
        try await Connection.open(to: TestService()) { connection in
            for _ in 0..<3 {
                try await connection.send(RawRequest.health, inPiecesOf: 1)
                #expect(try await connection.answer().outcome == "200")
            }
            try await connection.send(
                RawRequest.set("Content-Length: 2") + "{}", inPiecesOf: 1)
            #expect(try await connection.answer().outcome == "400 missing_member")
        }
    }

    /// A body of the most that is allowed, whose head came in two pieces: each is small enough by itself.
    @Test(arguments: [10, 60])
    func `a large body does not count as head when it comes with the rest of one`(split: Int) async throws {
        let body = "{" + String(repeating: " ", count: 65_534) + "}"
        let request = Array((RawRequest.set("Content-Length: 65536") + body).utf8)
        try await Connection.open(to: TestService()) { connection in
            try await connection.send(request[..<split])
            // The most that one read of the socket takes.
            try await connection.send(request[split..<split + 65_536])
            try await connection.send(request[(split + 65_536)...])
            #expect(try await connection.answer().outcome == "400 missing_member")
        }
    }
}
