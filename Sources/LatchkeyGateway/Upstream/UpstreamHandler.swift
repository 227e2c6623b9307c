import LatchkeyCore
import NIOCore
import NIOHTTP1

/// The last handler of an HTTP/1.1 connection, or of one HTTP/2 stream: one call at a time.
final class UpstreamHandler: ChannelInboundHandler, UpstreamCall {
    typealias InboundIn = HTTPClientResponsePart
    typealias OutboundOut = HTTPClientRequestPart

    /// Called when a call is over and the connection can take another.
    private let onIdle: (UpstreamHandler) -> Void
    private let onClosed: (UpstreamHandler) -> Void
    /// Called when the connection is not to be trusted with another call.
    private let onGivenUp: () -> Void
    private let isMultiplexed: Bool
    private var context: ChannelHandlerContext?
    private var receiver: (any UpstreamReceiver)?
    private var requestIsSent = false
    private var hasHead = false
    private var answerIsComplete = false
    private var keepsAlive = false
    private var isReading = true
    private var calls = 0
    private(set) var idleSince = NIODeadline.now()
    /// Whose call it is, from when the connection is given to one until that is over.
    var user: UserID?

    init(
        isMultiplexed: Bool, onIdle: @escaping (UpstreamHandler) -> Void,
        onClosed: @escaping (UpstreamHandler) -> Void, onGivenUp: @escaping () -> Void = {}
    ) {
        self.isMultiplexed = isMultiplexed
        self.onIdle = onIdle
        self.onClosed = onClosed
        self.onGivenUp = onGivenUp
    }

    var isUsable: Bool { context?.channel.isActive ?? false }

    /// Only on a connection that is idle.
    func start(_ head: HTTPRequestHead, receiver: any UpstreamReceiver) {
        self.receiver = receiver
        calls += 1
        requestIsSent = false
        hasHead = false
        answerIsComplete = false
        keepsAlive = false
        context?.write(wrapOutboundOut(.head(head)), promise: nil)
    }

    func close() { context?.close(promise: nil) }
}

// Sending
extension UpstreamHandler {
    func send(_ bytes: ByteBuffer) {
        guard receiver != nil else { return }
        context?.write(wrapOutboundOut(.body(.byteBuffer(bytes))), promise: nil)
    }

    func end() {
        guard receiver != nil else { return }
        requestIsSent = true
        context?.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
    }

    func flush() { context?.flush() }

    var isReused: Bool { calls > 1 }

    var isWritable: Bool { context?.channel.isWritable ?? false }

    func setReading(_ isReading: Bool) {
        guard isReading != self.isReading else { return }
        self.isReading = isReading
        // Switched on again, the channel reads by itself.
        try? context?.channel.syncOptions?.setOption(ChannelOptions.autoRead, value: isReading)
    }

    func cancel() {
        guard receiver != nil else { return }
        receiver = nil
        // HTTP/1.1 has no other way to say that the answer is not wanted; an HTTP/2 stream is reset.
        context?.close(promise: nil)
    }

    func giveUp() {
        onGivenUp()
        cancel()
    }
}

// Receiving
extension UpstreamHandler {
    func handlerAdded(context: ChannelHandlerContext) { self.context = context }

    func handlerRemoved(context: ChannelHandlerContext) { self.context = nil }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard let receiver, !answerIsComplete else {
            // Nobody asked for this: whatever comes next could be taken for another call's answer.
            return context.close(promise: nil)
        }
        switch unwrapInboundIn(data) {
        case .head(let head) where (100..<200).contains(head.status.code) && head.status != .switchingProtocols:
            // Not the answer yet. HTTP/1.1's decoder drops these by itself.
            break
        case .head(let head):
            hasHead = true
            keepsAlive = head.isKeepAlive
            receiver.upstreamHead(head)
        case .body(let bytes): receiver.upstreamBody(bytes)
        case .end where !hasHead:
            fail()
            context.close(promise: nil)
        case .end: complete(receiver, context)
        }
    }

    private func complete(_ receiver: any UpstreamReceiver, _ context: ChannelHandlerContext) {
        answerIsComplete = true
        self.receiver = nil
        user = nil
        setReading(true)
        if isMultiplexed || !keepsAlive || !requestIsSent || !context.channel.isActive {
            // An answer that came before the request was through: the rest of the request has nowhere to go.
            context.close(promise: nil)
        } else {
            idleSince = .now()
            onIdle(self)
        }
        receiver.upstreamEnd()
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        receiver?.upstreamReadComplete()
        context.fireChannelReadComplete()
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        receiver?.upstreamWritabilityChanged()
        context.fireChannelWritabilityChanged()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        fail()
        context.close(promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) {
        fail()
        onClosed(self)
        context.fireChannelInactive()
    }

    private func fail() {
        guard let receiver else { return }
        self.receiver = nil
        receiver.upstreamFailed(.brokenOff)
    }
}
