import NIOCore
import NIOHPACK
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
        let stream = NIOLoopBound(Stream(), eventLoop: channel.eventLoop)
        let promise = channel.eventLoop.makePromise(of: (any Channel).self)
        multiplexer.createStreamChannel(promise: promise) { channel in
            channel.eventLoop.makeCompletedFuture {
                let handler = UpstreamHandler(
                    isMultiplexed: true, onIdle: { _ in }, onClosed: { _ in connection.value.ended(stream.value) },
                    // A connection that has fallen silent would hold up every call after this one.
                    onGivenUp: { connection.value.retire() })
                try channel.pipeline.syncOperations.addHandlers(
                    HTTP2StatusCheck(), HTTP2FramePayloadToHTTP1ClientCodec(httpProtocol: .https), handler)
            }
        }
        let made = promise.futureResult.flatMapThrowing { channel in
            try channel.pipeline.syncOperations.handler(type: UpstreamHandler.self)
        }
        made.whenFailure { _ in connection.value.ended(stream.value) }
        return made
    }

    /// One stream, told to have ended by whoever sees it first.
    private final class Stream {
        var hasEnded = false
    }

    private func ended(_ stream: Stream) {
        guard !stream.hasEnded else { return }
        stream.hasEnded = true
        streams -= 1
        idleSince = .now()
        if isRetired, streams == 0 { channel.close(promise: nil) }
    }
}

/// Lets only statuses through that are ones (RFC 9110, section 15): the codec behind it makes a number of anything, and
/// traps on some.
private final class HTTP2StatusCheck: ChannelInboundHandler {
    typealias InboundIn = HTTP2Frame.FramePayload

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        if case .headers(let headers) = unwrapInboundIn(data),
            let status = headers.headers.first(name: ":status"), !Self.isStatus(status)
        {
            context.fireErrorCaught(UpstreamFailure.brokenOff)
            return context.close(promise: nil)
        }
        context.fireChannelRead(data)
    }

    private static func isStatus(_ text: String) -> Bool {
        let bytes = Array(text.utf8)
        return bytes.count == 3 && (UInt8(ascii: "1")...UInt8(ascii: "5")).contains(bytes[0])
            && bytes.allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
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
