import HTTPTypes
import NIOCore
import Testing

/// The size of a body, however it is announced, on the bytes of a connection.
@Suite(.timeLimit(.minutes(5)))
struct BodySizeTests {
    private static func blanks(_ size: Int) -> String { "{" + String(repeating: " ", count: size - 2) + "}" }

    private static func chunked(_ body: String, size: Int) -> String {
        var text = ""
        var rest = Substring(body)
        while !rest.isEmpty {
            let chunk = rest.prefix(size)
            text += String(chunk.utf8.count, radix: 16) + "\r\n" + chunk + "\r\n"
            rest = rest.dropFirst(size)
        }
        return text + "0\r\n\r\n"
    }

    @Test(arguments: [(65_536, "400 missing_member"), (65_537, "413 body_too_large"), (500_000, "413 body_too_large")])
    func `a body with its length is read to 65,536 bytes`(size: Int, expected: String) async throws {
        try await Connection.open(to: TestService()) { connection in
            try await connection.send(RawRequest.set("Content-Length: \(size)"))
            try await connection.send(Self.blanks(size), inPiecesOf: 16_384)
            #expect(try await connection.answer().outcome == expected)
        }
    }

    @Test(arguments: [(65_536, "400 missing_member"), (65_537, "413 body_too_large"), (500_000, "413 body_too_large")])
    func `a chunked body is read to 65,536 bytes`(size: Int, expected: String) async throws {
        for chunk in [1000, 65_536] {
            try await Connection.open(to: TestService()) { connection in
                try await connection.send(RawRequest.set("Transfer-Encoding: chunked"))
                try await connection.send(Self.chunked(Self.blanks(size), size: chunk), inPiecesOf: 16_384)
                #expect(try await connection.answer().outcome == expected)
            }
        }
    }

    @Test func `a chunked body in tiny chunks is one body`() async throws {
        let json = #"{"provider":"acme","api_key":"sk-chunked-0123456789"}"#
        try await Connection.open(to: TestService()) { connection in
            try await connection.send(
                RawRequest.set("Transfer-Encoding: chunked") + Self.chunked(json, size: 1), inPiecesOf: 7)
            let answer = try await connection.answer()
            #expect(answer.status == 200)
            #expect(answer["verdict"]?.string == "valid")
        }
    }

    @Test(arguments: ["65537", "99999999999", "9223372036854775807"])
    func `a body that is announced too large is not waited for`(length: String) async throws {
        try await Connection.open(to: TestService()) { connection in
            try await connection.send(RawRequest.set("Content-Length: \(length)"))
            let answer = try await connection.answer()
            #expect(answer.outcome == "413 body_too_large")
            #expect(answer["request_id"]?.string == answer.headers[.xRequestID])
        }
    }

    @Test func `a client that promises a large body and sends a small one gets its 413 once`() async throws {
        try await Connection.open(to: TestService()) { connection in
            try await connection.send(RawRequest.set("Content-Length: 70000") + "{}")
            #expect(try await connection.answer().outcome == "413 body_too_large")
            #expect(try await connection.unread().isEmpty)
        }
    }

    /// What is over the announced length is the next request, and here it is none.
    @Test func `a body that is longer than announced is cut there`() async throws {
        try await Connection.open(to: TestService()) { connection in
            try await connection.send(RawRequest.set("Content-Length: 2") + "{}")
            #expect(try await connection.answer().outcome == "400 missing_member")
            try await connection.send(#","provider":"acme"}"# + "\r\n\r\n")
            #expect(try await connection.answer().outcome == "400 invalid_request")
        }
    }

    @Test func `a body is not asked for before the token is looked at`() async throws {
        try await Connection.open(to: TestService()) { connection in
            try await connection.send(
                RawRequest.head("POST /api/api-keys/set", ["Content-Length: 1000", "Content-Type: application/json"]))
            #expect(try await connection.answer().outcome == "401 unauthorized")
        }
    }

    @Test func `after a body that was read and refused the connection goes on`() async throws {
        try await Connection.open(to: TestService()) { connection in
            for _ in 0..<3 {
                try await connection.send(RawRequest.set("Content-Length: 65537"))
                try await connection.send(Self.blanks(65_537), inPiecesOf: 16_384)
                #expect(try await connection.answer().outcome == "413 body_too_large")
            }
            try await connection.send(RawRequest.health)
            #expect(try await connection.answer().outcome == "200")
        }
    }
}
