import LatchkeyCore
import NIOCore
import NIOHTTP1
import NIOHTTP2
import NIOPosix
import NIOSSL
import NIOTLS

/// Opens connections: the addresses were resolved and judged before, and those very addresses are dialled.
struct UpstreamDialer: Sendable {
    let tls: NIOSSLContext
    /// For everything: the connection and the TLS handshake.
    let timeout: TimeAmount

    enum Connection: Sendable {
        case http1(any Channel)
        case http2(any Channel, NIOHTTP2Handler.StreamMultiplexer)
    }

    /// - Throws: `UpstreamFailure`.
    func dial(_ destination: Destination, addresses: [SocketAddress], on loop: any EventLoop) async throws -> Connection
    {
        var failure = UpstreamFailure.noAddress
        let end = NIODeadline.now() + timeout
        for (index, address) in addresses.enumerated() {
            guard NIODeadline.now() < end else { throw UpstreamFailure.connectTimeout }
            // One of several that does not answer leaves time for the next.
            let isLast = index == addresses.count - 1
            let deadline = isLast ? end : min(end, .now() + .nanoseconds(timeout.nanoseconds / 3))
            do {
                return try await dial(destination, address, before: deadline, on: loop)
            } catch let error as UpstreamFailure where failure != .certificate {
                failure = error
            } catch {}
        }
        throw failure
    }

    private func dial(
        _ destination: Destination, _ address: SocketAddress, before deadline: NIODeadline, on loop: any EventLoop
    ) async throws -> Connection {
        let bootstrap = ClientBootstrap(group: loop)
            .connectTimeout(deadline - .now())
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
            // One read at a time, and not a large one: what is read before reading can be stopped lies in memory until
            // the caller takes it, for each of many slow ones.
            .channelOption(.maxMessagesPerRead, value: 1)
            .channelOption(
                .recvAllocator, value: AdaptiveRecvByteBufferAllocator(minimum: 1024, initial: 4096, maximum: 32 * 1024)
            )
        let watch = NIOLoopBound(HandshakeWatch(), eventLoop: loop)
        do {
            let (channel, negotiated) = try await bootstrap.connect(to: address) { channel in
                channel.eventLoop.makeCompletedFuture {
                    let negotiated = try self.configure(channel, destination)
                    try channel.pipeline.syncOperations.addHandler(watch.value)
                    return (channel, negotiated)
                }
            }
            // A handshake that hangs is ended by the same deadline.
            let timer = loop.scheduleTask(deadline: deadline) { channel.close(promise: nil) }
            defer { timer.cancel() }
            let connection = try await negotiated.get()
            channel.pipeline.syncOperations.removeHandler(watch.value, promise: nil)
            return connection
        } catch {
            throw Self.failure(watch.value.error ?? error, after: deadline)
        }
    }

    private func configure(
        _ channel: any Channel, _ destination: Destination
    ) throws -> EventLoopFuture<Connection> {
        guard destination.isTLS else {
            try Self.addHTTP1(to: channel)
            return channel.eventLoop.makeSucceededFuture(.http1(channel))
        }
        // An address in place of a name is verified against the certificate's addresses.
        let handler = try NIOSSLClientHandler(context: tls, serverHostname: destination.serverName)
        try channel.pipeline.syncOperations.addHandler(handler)
        let negotiation = NIOTypedApplicationProtocolNegotiationHandler<Connection> { result, channel in
            channel.eventLoop.makeCompletedFuture {
                guard case .negotiated("h2") = result else {
                    try Self.addHTTP1(to: channel)
                    return .http1(channel)
                }
                return try Self.addHTTP2(to: channel)
            }
        }
        try channel.pipeline.syncOperations.addHandler(negotiation)
        return negotiation.protocolNegotiationResult
    }

    private static func addHTTP1(to channel: any Channel) throws {
        // Every field was judged where it came in: the caller's by the server's parser, the catalogue's when it was loaded,
        // the key's when it was set.
        try channel.pipeline.syncOperations.addHTTPClientHandlers(enableOutboundHeaderValidation: false)
    }

    private static func addHTTP2(to channel: any Channel) throws -> Connection {
        var configuration = NIOHTTP2Handler.Configuration()
        configuration.stream.targetWindowSize = 256 * 1024
        configuration.stream.outboundBufferSizeHighWatermark = 64 * 1024
        configuration.stream.outboundBufferSizeLowWatermark = 32 * 1024
        // Nothing is asked to be pushed.
        configuration.connection.initialSettings += [HTTP2Setting(parameter: .enablePush, value: 0)]
        let handler = NIOHTTP2Handler(
            mode: .client, eventLoop: channel.eventLoop, connectionConfiguration: configuration.connection,
            streamConfiguration: configuration.stream
        ) { pushed in pushed.close() }
        try channel.pipeline.syncOperations.addHandler(handler)
        return .http2(channel, try handler.syncMultiplexer())
    }

    private static func failure(_ error: any Error, after deadline: NIODeadline) -> UpstreamFailure {
        switch error {
        case let error as UpstreamFailure: error
        case ChannelError.connectTimeout: .connectTimeout
        case NIOSSLError.unableToValidateCertificate: .certificate
        case let error as NIOSSLExtraError where error == .failedToValidateHostname: .certificate
        // BoringSSL tells its reasons as text only.
        case NIOSSLError.handshakeFailed(let cause) where "\(cause)".contains("CERTIFICATE_VERIFY_FAILED"): .certificate
        default: NIODeadline.now() >= deadline ? .connectTimeout : .unreachable
        }
    }
}

/// Keeps the first thing that went wrong: whoever waits for the handshake is only told that the connection has ended.
private final class HandshakeWatch: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = Any
    private(set) var error: (any Error)?

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        if self.error == nil { self.error = error }
        context.fireErrorCaught(error)
    }
}
