import HTTPTypes
import LatchkeyCore
import LatchkeyGateway
import NIOCore
import NIOHTTP1
import NIOHTTPTypes

/// Stands between the HTTP decoder and the application: answers what the decoder refuses with a problem document, and
/// ends requests that take too long to arrive or answers that nobody reads.
///
/// Timers are set only when a read or a flush leaves something unfinished, so that an ordinary request costs none.
final class RequestGuard: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPRequestPart
    typealias InboundOut = HTTPRequestPart
    typealias OutboundIn = HTTPResponsePart
    typealias OutboundOut = HTTPResponsePart

    private let limits: ServerLimits
    private var head: HeadGuard?
    private var isReadingBody = false
    /// A body that is passed on has no end by the clock: the gateway watches that it goes on.
    private var isGatewaysBody = false
    private var isRejected = false
    /// What is answered with once the answers before it are written.
    private var rejection: LatchkeyError?
    private var isAnswering = false
    /// Requests whose head has come in and whose answer has not gone out.
    private var unanswered = 0
    private var readTimer: Scheduled<Void>?
    private var writeTimer: Scheduled<Void>?
    private var idleTimer: Scheduled<Void>?
    private var lastActivity = NIODeadline.now()

    init(limits: ServerLimits) { self.limits = limits }

    func handlerAdded(context: ChannelHandlerContext) {
        let head = HeadGuard(limit: limits.headerBytes)
        self.head = head
        // In front of the decoder, which gives no way to see how much of a head has come in.
        do { try context.pipeline.syncOperations.addHandler(head, position: .first) } catch {
            context.close(promise: nil)
        }
        startIdleTimer(limits.idle, context)
    }

    func handlerRemoved(context: ChannelHandlerContext) { stopTimers() }

    func channelInactive(context: ChannelHandlerContext) {
        stopTimers()
        context.fireChannelInactive()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard !isRejected else { return }
        switch unwrapInboundIn(data) {
        case .head(let request):
            isGatewaysBody = request.isForGateway
            head?.headIsComplete()
            stopReadTimer()
            isReadingBody = true
            unanswered += 1
        case .body: break
        case .end:
            head?.requestIsComplete()
            isReadingBody = false
            stopReadTimer()
        }
        context.fireChannelRead(data)
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        if !isRejected, let overflow = head?.overflow {
            // The token is the only field an honest client makes that large.
            reject(overflow == .token ? Problem.unauthorized : Self.headersTooLarge, context)
        } else if !isRejected, readTimer == nil, isReadingBody && !isGatewaysBody || head?.isPartial == true {
            startReadTimer(isReadingBody ? limits.bodyDeadline : limits.headDeadline, context)
        }
        context.fireChannelReadComplete()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        guard let error = error as? HTTPParserError else { return context.fireErrorCaught(error) }
        guard !isRejected else { return }
        let isTooLarge = error == .headerOverflow
        reject(
            isTooLarge
                ? (head?.isInToken == true ? Problem.unauthorized : Self.headersTooLarge)
                : LatchkeyError(.invalidRequest, "this is not an HTTP request"), context)
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        guard !isRejected || rejection != nil else {
            promise?.fail(ChannelError.ioOnClosedChannel)
            return
        }
        switch unwrapOutboundIn(data) {
        case .head: isAnswering = true
        case .body: break
        case .end:
            isAnswering = false
            unanswered -= 1
            lastActivity = .now()
        }
        context.write(data, promise: promise)
        guard let rejection else { return }
        // The request that could not be read to its end is itself among the unanswered.
        if unanswered == (isReadingBody ? 1 : 0) {
            self.rejection = nil
            answer(rejection, context)
        } else if unanswered == 0 {
            context.close(promise: nil)
        }
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        if context.channel.isWritable {
            writeTimer?.cancel()
            writeTimer = nil
        } else if writeTimer == nil {
            let channel = context.channel
            writeTimer = context.eventLoop.scheduleTask(in: limits.writeDeadline) { channel.close(promise: nil) }
        }
        context.fireChannelWritabilityChanged()
    }

    private static var headersTooLarge: LatchkeyError {
        LatchkeyError(.headersTooLarge, "the header fields are too many, or too large")
    }
}

// Ending requests
extension RequestGuard {
    private func startReadTimer(_ delay: TimeAmount, _ context: ChannelHandlerContext) {
        let handler = NIOLoopBound(self, eventLoop: context.eventLoop)
        let context = NIOLoopBound(context, eventLoop: context.eventLoop)
        readTimer = context.value.eventLoop.scheduleTask(in: delay) {
            let handler = handler.value
            handler.readTimer = nil
            guard handler.isReadingBody && !handler.isGatewaysBody || handler.head?.isPartial == true,
                !handler.isRejected
            else { return }
            handler.reject(LatchkeyError(.requestTimeout, "the request took too long to arrive"), context.value)
        }
    }

    private func stopReadTimer() {
        readTimer?.cancel()
        readTimer = nil
    }

    /// One timer a connection, which is moved on when it finds that there was something to do.
    private func startIdleTimer(_ delay: TimeAmount, _ context: ChannelHandlerContext) {
        let handler = NIOLoopBound(self, eventLoop: context.eventLoop)
        let context = NIOLoopBound(context, eventLoop: context.eventLoop)
        idleTimer = context.value.eventLoop.scheduleTask(in: delay) {
            let handler = handler.value
            let left =
                handler.unanswered > 0
                ? handler.limits.idle : handler.lastActivity + handler.limits.idle - .now()
            guard left <= .zero else { return handler.startIdleTimer(left, context.value) }
            context.value.close(promise: nil)
        }
    }

    private func stopTimers() {
        idleTimer?.cancel()
        idleTimer = nil
        stopReadTimer()
        writeTimer?.cancel()
        writeTimer = nil
    }

    /// Answers, then reads and drops for a moment what is still coming: a close with bytes unread would reset the
    /// connection, and the client would see that instead of the answer.
    private func reject(_ error: LatchkeyError, _ context: ChannelHandlerContext) {
        stopReadTimer()
        isRejected = true
        head?.drop()
        // Answers to requests before this one go first, in their order.
        guard unanswered <= (isReadingBody ? 1 : 0) else { return rejection = error }
        // A request may be answered, wholly or in part, before its body is read: then there is no more to say.
        guard !isReadingBody || unanswered == 1 && !isAnswering else { return context.close(promise: nil) }
        answer(error, context)
    }

    private func answer(_ error: LatchkeyError, _ context: ChannelHandlerContext) {
        let channel = context.channel
        let requestID = RequestID.make()
        let body = Problem(error, requestID: requestID).body
        var fields: HTTPFields = [
            .contentType: Problem.contentType, .contentLength: "\(body.readableBytes)", .connection: "close",
            .cacheControl: "no-store", .requestID: requestID, .contentTypeOptions: "nosniff",
        ]
        if error.code == .unauthorized { fields[.wwwAuthenticate] = "Bearer" }
        let status = HTTPResponse.Status(code: error.code.status)
        context.write(wrapOutboundOut(.head(HTTPResponse(status: status, headerFields: fields))), promise: nil)
        context.write(wrapOutboundOut(.body(body)), promise: nil)
        context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
        readTimer = context.eventLoop.scheduleTask(in: .seconds(3)) { channel.close(promise: nil) }
    }
}
