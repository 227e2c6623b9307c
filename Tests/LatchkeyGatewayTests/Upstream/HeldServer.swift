import NIOCore
import NIOHTTP1
import NIOPosix
import Synchronization

/// A provider on loopback that answers 200 to whatever it is asked, but not before it is told to.
final class HeldServer: Sendable {
    private struct State {
        var isOpen = false
        var held: [EventLoopPromise<Void>] = []
        var open = 0
        var mostOpen = 0
        var requests = 0
    }

    private let state = Mutex(State())
    private let group: any EventLoopGroup
    private let channel: Mutex<(any Channel)?> = Mutex(nil)

    init(group: any EventLoopGroup) { self.group = group }

    /// - Returns: the port.
    func start() async throws -> Int {
        let channel = try await ServerBootstrap(group: group)
            .serverChannelOption(.backlog, value: 256)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.configureHTTPServerPipeline(withPipeliningAssistance: false)
                    try channel.pipeline.syncOperations.addHandler(Answering(server: self))
                }
            }.bind(host: "127.0.0.1", port: 0).get()
        self.channel.withLock { $0 = channel }
        return channel.localAddress?.port ?? 0
    }

    func stop() async { try? await channel.withLock { $0 }?.close() }

    /// From now on, and to those that wait.
    func answer() {
        let held = state.withLock { state in
            state.isOpen = true
            defer { state.held = [] }
            return state.held
        }
        for promise in held { promise.succeed() }
    }

    var requests: Int { state.withLock { $0.requests } }
    /// Connections at once, at the most.
    var mostOpen: Int { state.withLock { $0.mostOpen } }

    fileprivate func connected() {
        state.withLock { state in
            state.open += 1
            state.mostOpen = max(state.mostOpen, state.open)
        }
    }

    fileprivate func disconnected() { state.withLock { $0.open -= 1 } }

    fileprivate func turn(_ promise: EventLoopPromise<Void>) {
        let isOpen = state.withLock { state in
            state.requests += 1
            if !state.isOpen { state.held.append(promise) }
            return state.isOpen
        }
        if isOpen { promise.succeed() }
    }
}

private final class Answering: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart
    private let server: HeldServer

    init(server: HeldServer) { self.server = server }

    func channelActive(context: ChannelHandlerContext) {
        server.connected()
        context.fireChannelActive()
    }

    func channelInactive(context: ChannelHandlerContext) {
        server.disconnected()
        context.fireChannelInactive()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard case .end = unwrapInboundIn(data) else { return }
        let promise = context.eventLoop.makePromise(of: Void.self)
        let channel = context.channel
        promise.futureResult.whenSuccess {
            let head = HTTPResponseHead(version: .http1_1, status: .ok, headers: ["content-length": "0"])
            channel.write(HTTPServerResponsePart.head(head), promise: nil)
            channel.writeAndFlush(HTTPServerResponsePart.end(nil), promise: nil)
        }
        server.turn(promise)
    }
}
