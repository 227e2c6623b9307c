import NIOCore
import NIOHTTP1
import NIOHTTP2

/// The connections of one event loop, kept for the next call to the same place.
final class UpstreamPool {
    /// Who may share a connection: custom addresses are judged apart, so they never meet the catalogue's.
    struct Origin: Hashable {
        let isTLS: Bool
        let host: String
        let port: Int
        let isCustom: Bool

        init(_ destination: Destination) {
            isTLS = destination.isTLS
            host = destination.host
            port = destination.port
            isCustom = destination.isCustom
        }
    }

    private let loop: any EventLoop
    private let limit: Int
    private var idle: [Origin: [UpstreamHandler]] = [:]
    private var multiplexed: [Origin: HTTP2Connection] = [:]
    private(set) var count = 0
    private var sweep: RepeatedTask?

    private struct HTTP2Connection {
        let channel: any Channel
        let multiplexer: NIOHTTP2Handler.StreamMultiplexer
    }

    static let idleTime = TimeAmount.seconds(50)
    private static let idlePerOrigin = 256

    init(loop: any EventLoop, limit: Int) {
        self.loop = loop
        self.limit = limit
    }

    var hasRoom: Bool { count < limit }

    /// The connection that was used last: the others may run out of their time.
    func take(_ origin: Origin) -> UpstreamHandler? {
        while let handler = idle[origin]?.popLast() {
            if handler.isUsable { return handler }
        }
        return nil
    }

    /// - Returns: nil when there is no HTTP/2 connection to that place.
    func stream(_ origin: Origin) -> EventLoopFuture<UpstreamHandler>? {
        guard let connection = multiplexed[origin] else { return nil }
        guard connection.channel.isActive else {
            multiplexed[origin] = nil
            return nil
        }
        return stream(on: connection)
    }

    func add(_ channel: any Channel, as origin: Origin) throws -> UpstreamHandler {
        count += 1
        let handler = UpstreamHandler(
            isMultiplexed: false, onIdle: { [weak self] in self?.putBack($0, as: origin) },
            onClosed: { [weak self] in self?.forget($0, as: origin) })
        do { try channel.pipeline.syncOperations.addHandler(handler) } catch {
            count -= 1
            throw error
        }
        return handler
    }

    func add(
        _ channel: any Channel, _ multiplexer: NIOHTTP2Handler.StreamMultiplexer, as origin: Origin
    ) throws -> EventLoopFuture<UpstreamHandler> {
        count += 1
        let connection = HTTP2Connection(channel: channel, multiplexer: multiplexer)
        let watcher = HTTP2Watcher(
            onDraining: { [weak self] in self?.retire(channel, as: origin) },
            onClosed: { [weak self] in
                self?.retire(channel, as: origin)
                self?.count -= 1
            })
        do { try channel.pipeline.syncOperations.addHandler(watcher) } catch {
            count -= 1
            throw error
        }
        // Of two that were opened at once the later one serves; the other ends with its last stream.
        multiplexed[origin] = connection
        return stream(on: connection)
    }

    func closeIdle() {
        sweep?.cancel()
        for handler in idle.values.joined() { handler.close() }
        for connection in multiplexed.values { connection.channel.close(promise: nil) }
        idle = [:]
        multiplexed = [:]
    }

    private func stream(on connection: HTTP2Connection) -> EventLoopFuture<UpstreamHandler> {
        let promise = loop.makePromise(of: (any Channel).self)
        connection.multiplexer.createStreamChannel(promise: promise) { channel in
            channel.eventLoop.makeCompletedFuture {
                let handler = UpstreamHandler(isMultiplexed: true, onIdle: { _ in }, onClosed: { _ in })
                try channel.pipeline.syncOperations.addHandlers(
                    HTTP2FramePayloadToHTTP1ClientCodec(httpProtocol: .https), handler)
            }
        }
        return promise.futureResult.flatMapThrowing { channel in
            try channel.pipeline.syncOperations.handler(type: UpstreamHandler.self)
        }
    }

    private func putBack(_ handler: UpstreamHandler, as origin: Origin) {
        guard idle[origin, default: []].count < Self.idlePerOrigin else { return handler.close() }
        idle[origin, default: []].append(handler)
        guard sweep == nil else { return }
        let pool = NIOLoopBound(self, eventLoop: loop)
        sweep = loop.scheduleRepeatedTask(initialDelay: .seconds(10), delay: .seconds(10)) { _ in
            pool.value.closeOld()
        }
    }

    private func closeOld() {
        let oldest = NIODeadline.now() - Self.idleTime
        for (origin, handlers) in idle {
            // The longest idle stand in front.
            let old = handlers.prefix { $0.idleSince < oldest }
            guard !old.isEmpty else { continue }
            idle[origin] = old.count == handlers.count ? nil : Array(handlers.dropFirst(old.count))
            for handler in old { handler.close() }
        }
        guard idle.isEmpty else { return }
        sweep?.cancel()
        sweep = nil
    }

    private func forget(_ handler: UpstreamHandler, as origin: Origin) {
        count -= 1
        guard let index = idle[origin]?.lastIndex(where: { $0 === handler }) else { return }
        idle[origin]?.remove(at: index)
    }

    private func retire(_ channel: any Channel, as origin: Origin) {
        if multiplexed[origin]?.channel === channel { multiplexed[origin] = nil }
    }
}

/// Sees when an HTTP/2 connection takes no further streams.
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
