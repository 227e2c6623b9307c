import HTTPTypes
import NIOCore
import NIOHTTP1
import NIOHTTPTypes
import NIOHTTPTypesHTTP1

/// Between HTTP/1's own types and those of the application, both ways: Hummingbird's codec, which it takes the place of,
/// and what that one and NIO's encoder do not know about two kinds of answers.
///
/// Nothing stands behind the head of an answer to HEAD, not even the last chunk (RFC 9112, section 6.3). And a caller of
/// HTTP/1.0 knows no chunks and no interim answers: it gets an answer in its own version that ends with the connection
/// (RFC 9112, section 6.1). Nothing that it sends behind that request is read.
final class ServerCodec: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias InboundOut = HTTPRequestPart
    typealias OutboundIn = HTTPResponsePart
    typealias OutboundOut = HTTPServerResponsePart

    /// Requests so far, and answers so far: an answer belongs to the request of the same number.
    private var asked = 0
    private var answered = 0
    /// Of those that are not answered yet, which are HEAD.
    private var heads = CircularBuffer<Int>()
    /// The one of HTTP/1.0: there is none behind it.
    private var last: Int?
    private var lastIsComplete = false
    private var lastIsWritten: EventLoopFuture<Void>?

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard !lastIsComplete else { return }
        switch unwrapInboundIn(data) {
        case .head(let head):
            if head.method == .HEAD { heads.append(asked) }
            if head.version == .http1_0 || head.version == .http0_9 { last = asked }
            asked += 1
            do {
                let request = try HTTPRequest(head, secure: false, splitCookie: false)
                context.fireChannelRead(wrapInboundOut(.head(request)))
            } catch {
                context.fireErrorCaught(error)
            }
        case .body(let bytes): context.fireChannelRead(wrapInboundOut(.body(bytes)))
        case .end(let trailers):
            lastIsComplete = last != nil
            context.fireChannelRead(
                wrapInboundOut(.end(trailers.map { HTTPFields($0, splitCookie: false) })))
            closeBehindLast(context)
        }
    }

    /// What stands behind the last request is no request that could be wrong.
    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        if !lastIsComplete { context.fireErrorCaught(error) }
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        switch unwrapOutboundIn(data) {
        case .head(let response): write(HTTPResponseHead(response), context, promise)
        case .body(let bytes):
            // An empty part keeps the promise in its place.
            let bytes = heads.first == answered ? ByteBuffer() : bytes
            context.write(wrapOutboundOut(.body(.byteBuffer(bytes))), promise: promise)
        case .end(let trailers): writeEnd(trailers.map { HTTPHeaders($0) }, context, promise)
        }
    }

    private func write(_ head: HTTPResponseHead, _ context: ChannelHandlerContext, _ promise: EventLoopPromise<Void>?) {
        var head = head
        if last == answered {
            guard head.status.code >= 200 else { return promise?.succeed() ?? () }
            head.version = .http1_0
            head.headers.remove(name: "transfer-encoding")
            head.headers.replaceOrAdd(name: "connection", value: "close")
        }
        context.write(wrapOutboundOut(.head(head)), promise: promise)
    }

    private func writeEnd(
        _ trailers: HTTPHeaders?, _ context: ChannelHandlerContext, _ promise: EventLoopPromise<Void>?
    ) {
        let isHead = heads.first == answered
        if isHead { heads.removeFirst() }
        let end: HTTPServerResponsePart = isHead ? .body(.byteBuffer(ByteBuffer())) : .end(trailers)
        guard last == answered else {
            // Where no request could be read there is an answer to none.
            if answered < asked { answered += 1 }
            return context.write(wrapOutboundOut(end), promise: promise)
        }
        let written = promise ?? context.eventLoop.makePromise(of: Void.self)
        lastIsWritten = written.futureResult
        context.write(wrapOutboundOut(end), promise: written)
        closeBehindLast(context)
    }

    /// With a request that is not through, whoever reads it ends the connection: a close with bytes unread would reset it,
    /// and the caller might see that instead of the answer.
    private func closeBehindLast(_ context: ChannelHandlerContext) {
        guard lastIsComplete, let lastIsWritten else { return }
        let channel = context.channel
        lastIsWritten.whenComplete { _ in channel.close(promise: nil) }
    }
}
