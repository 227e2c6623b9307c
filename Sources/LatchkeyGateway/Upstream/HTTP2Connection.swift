import NIOCore
import NIOHTTP1
import NIOHTTP2

/// One HTTP/2 connection to a provider: a stream for each call, all on one event loop.
final class HTTP2Connection {
    private let channel: any Channel
    private let multiplexer: NIOHTTP2Handler.StreamMultiplexer
    private let onRetired: (HTTP2Connection) -> Void
    private let onClosed: () -> Void
    private var streams = 0
    private var isRetired = false
    private var idleSince = NIODeadline.now()

    init(
        channel: any Channel, multiplexer: NIOHTTP2Handler.StreamMultiplexer,
        onRetired: @escaping (HTTP2Connection) -> Void, onClosed: @escaping () -> Void
    ) {
        self.channel = channel
        self.multiplexer = multiplexer
        self.onRetired = onRetired
        self.onClosed = onClosed
    }

    /// Sees when the connection takes no further streams, and when it ends.
    func watch() throws {
        try channel.pipeline.syncOperations.addHandler(
            HTTP2Watcher(
                onDraining: { [weak self] in self?.retire() },
                onClosed: { [self] in
                    retire()
                    onClosed()
                }))
    }

    func isIdle(since time: NIODeadline) -> Bool { streams == 0 && idleSince < time }

    /// No further calls; those under way end as they would.
    func retire() {
        guard !isRetired else { return }
        isRetired = true
        onRetired(self)
        if streams == 0 { channel.close(promise: nil) }
    }

    func stream() -> EventLoopFuture<UpstreamHandler> {
        streams += 1
        let connection = NIOLoopBound(self, eventLoop: channel.eventLoop)
        let promise = channel.eventLoop.makePromise(of: (any Channel).self)
        multiplexer.createStreamChannel(promise: promise) { channel in
            channel.eventLoop.makeCompletedFuture {
                let handler = UpstreamHandler(
                    isMultiplexed: true, onIdle: { _ in }, onClosed: { _ in connection.value.streamEnded() },
                    // A connection that has fallen silent would hold up every call after this one.
                    onGivenUp: { connection.value.retire() })
                try channel.pipeline.syncOperations.addHandlers(
                    HTTP2FramePayloadToHTTP1ClientCodec(httpProtocol: .https), handler)
            }
        }
        let made = promise.futureResult.flatMapThrowing { channel in
            try channel.pipeline.syncOperations.handler(type: UpstreamHandler.self)
        }
        made.whenFailure { _ in connection.value.streamEnded() }
        return made
    }

    private func streamEnded() {
        streams = max(0, streams - 1)
        idleSince = .now()
        if isRetired, streams == 0 { channel.close(promise: nil) }
    }
}

private final class HTTP2Watcher: ChannelInboundHandler {
    typealias InboundIn = HTTP2Frame
    private let onDraining: () -> Void
    private let onClosed: () -> Void

    init(onDraining: @escaping () -> Void, onClosed: @escaping () -> Void) {
        self.onDraining = onDraining
        self.onClosed = onClosed
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        if case .goAway = unwrapInboundIn(data).payload { onDraining() }
        context.fireChannelRead(data)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        onDraining()
        context.close(promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) {
        onClosed()
        context.fireChannelInactive()
    }
}
