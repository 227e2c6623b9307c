import HTTPTypes
import Hummingbird
import HummingbirdCore
import NIOCore
import NIOEmbedded
import Synchronization

@testable import LatchkeyServer

/// One connection through the server's pipeline: bytes in, bytes out, and a clock that only the test moves.
///
/// The pipeline is put together as `LatchkeyServer.application` does it. That the two do the same on a real socket is
/// `LiveServerTests`' question.
final class Connection: Sendable {
    private let channel: NIOAsyncTestingChannel
    private let received = Mutex<[UInt8]>([])

    private init(channel: NIOAsyncTestingChannel) { self.channel = channel }

    /// Opens a connection, and closes it when `body` is done.
    static func open(
        to service: TestService, _ body: @Sendable @escaping (Connection) async throws -> Void
    ) async throws {
        let router = service.server.router
        let responder = router.buildResponder()
        let logger = Application(router: router).logger
        let limits = service.limits
        let http = HTTP1Channel(
            responder: { request, writer, channel in
                let source = ApplicationRequestContextSource(channel: channel, logger: logger)
                let response = try await responder.respond(to: request, context: LatchkeyRequestContext(source: source))
                let body = try await writer.writeHead(response.head)
                try await response.body.write(body)
            },
            configuration: HTTP1Channel.Configuration(
                additionalChannelHandlers: [RequestGuard(limits: limits)], idleTimeout: limits.idle,
                httpDecoderConfiguration: .init(
                    maxHeaderFieldSize: limits.headerBytes, maxHeaderListSize: limits.headerBytes,
                    maxHeaderFieldCount: limits.headerFields)))
        let channel = NIOAsyncTestingChannel()
        let value = try await channel.eventLoop.flatSubmit { http.setup(channel: channel, logger: logger) }.get()
        try await channel.connect(to: SocketAddress(ipAddress: "127.0.0.1", port: 1)).get()
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await http.handle(value: value, logger: logger) }
            let result: Result<Void, any Error>
            do { result = .success(try await body(Connection(channel: channel))) } catch { result = .failure(error) }
            try? await channel.close()
            try await group.waitForAll()
            try result.get()
        }
    }

    // In

    /// One read of the socket.
    func send(_ bytes: some Sequence<UInt8> & Sendable) async throws {
        try await channel.writeInbound(ByteBuffer(bytes: bytes))
    }

    func send(_ text: String) async throws { try await send(Array(text.utf8)) }

    /// Many reads of at most `size` bytes.
    func send(_ text: String, inPiecesOf size: Int) async throws {
        var rest = Array(text.utf8)[...]
        while !rest.isEmpty {
            try await send(Array(rest.prefix(size)))
            rest = rest.dropFirst(size)
        }
    }

    func pass(_ time: TimeAmount) async { await channel.testingEventLoop.advanceTime(by: time) }

    // Out

    /// The next whole answer, waited for.
    func answer(toHead isHead: Bool = false) async throws -> Answer {
        while true {
            if let answer = received.withLock({ Answer.take(from: &$0, toHead: isHead) }) { return answer }
            let bytes = try await channel.waitForOutboundWrite(as: ByteBuffer.self)
            received.withLock { $0 += bytes.readableBytesView }
        }
    }

    /// What has been written and not been read as an answer.
    func unread() async throws -> String {
        while let bytes = try await channel.readOutbound(as: ByteBuffer.self) {
            received.withLock { $0 += bytes.readableBytesView }
        }
        return received.withLock { String(decoding: $0, as: UTF8.self) }
    }

    var isOpen: Bool { channel.isActive }

    /// Whether the client takes what is written.
    func setWritable(_ isWritable: Bool) async throws {
        channel.isWritable = isWritable
        try await channel.eventLoop.submit { [channel] in channel.pipeline.fireChannelWritabilityChanged() }.get()
    }
}

extension Answer {
    /// Takes one whole answer from the front of what has come in; nil when it is not all there.
    static func take(from bytes: inout [UInt8], toHead isHead: Bool = false) -> Answer? {
        guard let end = bytes.firstRange(of: Array("\r\n\r\n".utf8)) else { return nil }
        let lines = String(decoding: bytes[..<end.lowerBound], as: UTF8.self).split(separator: "\r\n")
        guard let first = lines.first, let status = Int(first.split(separator: " ").dropFirst().first ?? "") else {
            return nil
        }
        var headers = HTTPFields()
        for line in lines.dropFirst() {
            let parts = line.split(separator: ":", maxSplits: 1)
            guard parts.count == 2, let name = HTTPField.Name(String(parts[0])) else { return nil }
            headers.append(HTTPField(name: name, value: String(parts[1].drop { $0 == " " })))
        }
        let length = isHead ? 0 : headers[.contentLength].flatMap { Int($0) } ?? 0
        guard bytes.count >= end.upperBound + length else { return nil }
        let body = Array(bytes[end.upperBound..<end.upperBound + length])
        bytes.removeFirst(end.upperBound + length)
        return Answer(status: status, headers: headers, body: body)
    }
}

/// Requests as texts.
enum RawRequest {
    static func head(_ line: String, _ fields: [String] = []) -> String {
        (["\(line) HTTP/1.1", "Host: latchkey.test"] + fields).joined(separator: "\r\n") + "\r\n\r\n"
    }

    /// A `POST /api/api-keys/set` of alice's with these fields beside.
    static func set(_ fields: String...) -> String {
        head(
            "POST /api/api-keys/set",
            ["Authorization: Bearer \(TokenForge.user("alice"))", "Content-Type: application/json"] + fields)
    }

    static let health = head("GET /healthz")
}
