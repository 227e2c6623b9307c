import LatchkeyCore
import NIOCore
import NIOHPACK
import NIOHTTP1
import NIOHTTP2

/// One HTTP/2 connection to a provider: a stream for each call, all on one event loop.
///
/// It takes no more streams than the provider does at once: beyond that the protocol's own handler would keep them until
/// one comes free, for as long as that takes.
final class HTTP2Connection {
    private let channel: any Channel
    private let multiplexer: NIOHTTP2Handler.StreamMultiplexer
    /// Called when more may be called over it, or when it takes no more.
    private let onChange: (HTTP2Connection) -> Void
    private let onClosed: (HTTP2Connection) -> Void
    private var streams: [Stream] = []
    private(set) var isRetired = false
    private var idleSince = NIODeadline.now()
    /// What the provider takes at once; nil before it has said so.
    private(set) var mostStreams: Int?

    /// Where the provider names no limit.
    private static let usualStreams = 256

    init(
        channel: any Channel, multiplexer: NIOHTTP2Handler.StreamMultiplexer,
        onChange: @escaping (HTTP2Connection) -> Void, onClosed: @escaping (HTTP2Connection) -> Void
    ) {
        self.channel = channel
        self.multiplexer = multiplexer
        self.onChange = onChange
        self.onClosed = onClosed
    }

    /// Hears what the provider says of the connection, and what it has said already: how many streams, when no further
    /// ones, and when it ends.
    func watch(_ watcher: HTTP2Watcher) {
        watcher.connection = self
        mostStreams = watcher.mostStreams.map { min($0, Self.usualStreams) }
        if watcher.isDraining { retire() }
    }

    fileprivate func changed(_ watcher: HTTP2Watcher) {
        mostStreams = watcher.mostStreams.map { min($0, Self.usualStreams) }
        if watcher.isDraining { retire() }
        onChange(self)
    }

    fileprivate func closed() {
        retire()
        onClosed(self)
    }

    /// Before the provider has said what it takes, it gets the one stream that was waiting for it.
    var hasRoom: Bool { !isRetired && streams.count < mostStreams ?? 1 }

    var count: Int { streams.count }

    func count(of user: UserID) -> Int { streams.count { $0.user == user } }

    func isIdle(since time: NIODeadline) -> Bool { streams.isEmpty && idleSince < time }

    /// No further calls; those under way end as they would.
    func retire() {
        guard !isRetired else { return }
        isRetired = true
        onChange(self)
        if streams.isEmpty { channel.close(promise: nil) }
    }

    func stream(of user: UserID) -> EventLoopFuture<UpstreamHandler> {
        let opened = Stream(user: user)
        streams.append(opened)
        let connection = NIOLoopBound(self, eventLoop: channel.eventLoop)
        let stream = NIOLoopBound(opened, eventLoop: channel.eventLoop)
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
        let user: UserID

        init(user: UserID) { self.user = user }
    }

    private func ended(_ stream: Stream) {
        guard let index = streams.firstIndex(where: { $0 === stream }) else { return }
        streams.swapAt(index, streams.count - 1)
        streams.removeLast()
        idleSince = .now()
        if isRetired, streams.isEmpty { channel.close(promise: nil) }
        onChange(self)
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

/// Sees what the provider says of a connection, from the first byte on.
final class HTTP2Watcher: ChannelInboundHandler {
    typealias InboundIn = HTTP2Frame
    /// What the provider takes at once; nil before it has said anything.
    private(set) var mostStreams: Int?
    private(set) var isDraining = false
    private var hasNews = false
    fileprivate(set) var connection: HTTP2Connection?

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data).payload {
        case .settings(.settings(let settings)):
            // The last one counts (RFC 9113, section 6.5.3), what is not named stays, and at first it is no limit.
            let named = settings.last { $0.parameter == .maxConcurrentStreams }?.value
            mostStreams = named ?? mostStreams ?? .max
            hasNews = true
        case .goAway: drain()
        default: break
        }
        context.fireChannelRead(data)
    }

    /// Of two limits that came at once the second counts, and no call is to be given to the first.
    func channelReadComplete(context: ChannelHandlerContext) {
        if hasNews {
            hasNews = false
            connection?.changed(self)
        }
        context.fireChannelReadComplete()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        drain()
        context.close(promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) {
        isDraining = true
        connection.take()?.closed()
        context.fireChannelInactive()
    }

    private func drain() {
        isDraining = true
        connection?.changed(self)
    }
}
