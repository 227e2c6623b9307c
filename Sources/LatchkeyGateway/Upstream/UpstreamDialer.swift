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
        case http2(any Channel, NIOHTTP2Handler.StreamMultiplexer, NIOLoopBound<HTTP2Watcher>)

        var channel: any Channel {
            switch self {
            case .http1(let channel), .http2(let channel, _, _): channel
            }
        }
    }

    /// - Parameter lookUp: finds the addresses before a deadline.
    /// - Throws: `UpstreamFailure`, or what `lookUp` throws.
    func dial(
        _ destination: Destination, as dial: UpstreamDial, on loop: any EventLoop,
        lookUp: (NIODeadline) async throws -> [SocketAddress]
    ) async throws -> Connection {
        var failure = UpstreamFailure.noAddress
        let end = NIODeadline.now() + timeout
        // A name server that does not answer leaves nothing to dial, and the caller knows it sooner.
        let addresses = try await lookUp(.now() + .nanoseconds(timeout.nanoseconds / 2))
        for (index, address) in addresses.enumerated() {
            guard NIODeadline.now() < end else { throw UpstreamFailure.connectTimeout }
            // One of several that does not answer leaves time for the next.
            let isLast = index == addresses.count - 1
            let deadline = isLast ? end : min(end, .now() + .nanoseconds(timeout.nanoseconds / 3))
            do {
                return try await self.dial(destination, address, as: dial, before: deadline, on: loop)
            } catch let error as UpstreamFailure where failure != .certificate {
                failure = error
            } catch {}
        }
        throw failure
    }

    private func dial(
        _ destination: Destination, _ address: SocketAddress, as dial: UpstreamDial, before deadline: NIODeadline,
        on loop: any EventLoop
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
        let dial = NIOLoopBound(dial, eventLoop: loop)
        do {
            let (channel, negotiated) = try await bootstrap.connect(to: address) { channel in
                channel.eventLoop.makeCompletedFuture {
                    try dial.value.begin(channel)
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
        let watcher = HTTP2Watcher()
        try channel.pipeline.syncOperations.addHandlers(handler, watcher)
        let bound = NIOLoopBound(watcher, eventLoop: channel.eventLoop)
        return .http2(channel, try handler.syncMultiplexer(), bound)
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

/// A connection that is being made.
final class UpstreamDial {
    /// Who waits for it; nil when another has come free meanwhile.
    var waiter: UpstreamWaiter?
    /// No other connection takes the call: not one of several that were begun before it was known what they would be.
    let isNeeded: Bool
    private var channel: (any Channel)?
    private(set) var isCancelled = false

    init(for waiter: UpstreamWaiter, isNeeded: Bool) {
        self.waiter = waiter
        self.isNeeded = isNeeded
    }

    /// - Throws: when it has been cancelled before.
    func begin(_ channel: any Channel) throws {
        guard !isCancelled else { throw CancellationError() }
        self.channel = channel
    }

    /// Whatever it is at: the name, the connection or the handshake.
    func cancel() {
        isCancelled = true
        channel?.close(promise: nil)
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
