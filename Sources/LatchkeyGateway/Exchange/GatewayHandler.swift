package import HTTPTypes
package import NIOCore
package import NIOHTTPTypes

/// Stands in front of the application on each connection and takes the gateway's requests out: what belongs to them goes
/// from socket to socket without a detour through it. Everything else passes.
///
/// Requests of one connection are answered in their order: what comes behind one that is under way waits here.
package final class GatewayHandler: ChannelDuplexHandler, RemovableChannelHandler {
    package typealias InboundIn = HTTPRequestPart
    package typealias InboundOut = HTTPRequestPart
    package typealias OutboundIn = HTTPResponsePart
    package typealias OutboundOut = HTTPResponsePart

    private let gateway: Gateway
    private var context: ChannelHandlerContext?
    private var call: GatewayCall?
    /// Requests that the application has been given and has not answered.
    private var unanswered = 0
    private var waiting = CircularBuffer<HTTPRequestPart>()
    private var waitingBytes = 0
    private var isCallHoldingReads = false
    private var isReadPending = false
    private var mustQuiesce = false
    /// The answer is out and the request is not in: what still comes is read and dropped for a moment. A close with bytes
    /// unread would reset the connection, and the caller might see that instead of the answer.
    private var isDraining = false
    /// A close before that would take the end of an answer from a slow caller.
    private var endIsWritten: EventLoopFuture<Void>?
    /// One timer for all calls of the connection, which is moved on when it finds that something has happened.
    private var watch: Scheduled<Void>?

    private static let mostWaitingBytes = 64 * 1024

    package init(gateway: Gateway) { self.gateway = gateway }

    package func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        // So much of an answer waits here for a slow caller before the provider is held back.
        try? context.channel.syncOptions?.setOption(
            .writeBufferWaterMark, value: ChannelOptions.Types.WriteBufferWaterMark(low: 16 * 1024, high: 32 * 1024))
    }

    package func handlerRemoved(context: ChannelHandlerContext) {
        stopWatching()
        self.context = nil
    }

    package func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let part = unwrapInboundIn(data)
        if isDraining {
            if case .end = part { closeWhenWritten(context) }
        } else if let call, !call.hasWholeRequest {
            call.receive(part)
        } else if call != nil || !waiting.isEmpty {
            wait(part)
        } else {
            route(part, context)
        }
    }

    package func channelReadComplete(context: ChannelHandlerContext) {
        call?.receiveComplete()
        context.fireChannelReadComplete()
    }

    package func read(context: ChannelHandlerContext) {
        if isCallHoldingReads || waitingBytes > Self.mostWaitingBytes {
            isReadPending = true
        } else {
            context.read()
        }
    }

    package func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        let isEnd = if case .end = unwrapOutboundIn(data) { true } else { false }
        context.write(data, promise: promise)
        guard isEnd else { return }
        unanswered -= 1
        if unanswered == 0, !waiting.isEmpty {
            // What is written here goes out first.
            context.flush()
            drain(context)
        }
    }

    package func channelWritabilityChanged(context: ChannelHandlerContext) {
        call?.clientWritabilityChanged(context.channel.isWritable)
        context.fireChannelWritabilityChanged()
    }

    package func channelInactive(context: ChannelHandlerContext) {
        stopWatching()
        waiting.removeAll()
        call?.clientIsGone()
        context.fireChannelInactive()
    }

    package func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if event is ChannelShouldQuiesceEvent, call != nil {
            // The application knows nothing of this call and would close under it.
            mustQuiesce = true
        } else {
            context.fireUserInboundEventTriggered(event)
        }
    }
}

// In their order
extension GatewayHandler {
    private func route(_ part: HTTPRequestPart, _ context: ChannelHandlerContext) {
        guard case .head(let request) = part else { return context.fireChannelRead(wrapInboundOut(part)) }
        guard request.isForGateway else {
            unanswered += 1
            return context.fireChannelRead(wrapInboundOut(part))
        }
        guard unanswered == 0 else { return wait(part) }
        let call = GatewayCall(request, on: self, context: context, gateway: gateway)
        self.call = call
        if watch == nil { watchCalls(in: min(gateway.limits.firstByte, gateway.limits.idle), context) }
        call.start()
    }

    private func watchCalls(in time: TimeAmount, _ context: ChannelHandlerContext) {
        let handler = NIOLoopBound(self, eventLoop: context.eventLoop)
        watch = context.eventLoop.scheduleTask(in: time) {
            let handler = handler.value
            handler.watch = nil
            guard let context = handler.context, let left = handler.call?.look() else { return }
            handler.watchCalls(in: left, context)
        }
    }

    private func stopWatching() {
        watch?.cancel()
        watch = nil
    }

    private func wait(_ part: HTTPRequestPart) {
        waiting.append(part)
        let size = if case .body(let bytes) = part { bytes.readableBytes } else { 512 }
        waitingBytes += size
    }

    private func drain(_ context: ChannelHandlerContext) {
        var hasPassedOn = false
        while !waiting.isEmpty, context.channel.isActive {
            if case .head(let request)? = waiting.first, request.isForGateway, unanswered > 0 { break }
            if let call, call.hasWholeRequest { break }
            let part = waiting.removeFirst()
            if let call {
                call.receive(part)
            } else {
                hasPassedOn = true
                route(part, context)
            }
        }
        // The application is handed what it was given only then.
        if hasPassedOn { context.fireChannelReadComplete() }
        waitingBytes = waiting.isEmpty ? 0 : waitingBytes
        call?.receiveComplete()
        readIfPending(context)
    }

    private func readIfPending(_ context: ChannelHandlerContext) {
        guard isReadPending, !isCallHoldingReads, waitingBytes <= Self.mostWaitingBytes else { return }
        isReadPending = false
        context.read()
    }
}

// For the call
extension GatewayHandler {
    func write(_ part: HTTPResponsePart) { context?.write(wrapOutboundOut(part), promise: nil) }

    func flush() { context?.flush() }

    func writeEnd() {
        guard let context else { return }
        let promise = context.eventLoop.makePromise(of: Void.self)
        endIsWritten = promise.futureResult
        context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: promise)
    }

    func holdReads(_ isHolding: Bool) {
        guard isHolding != isCallHoldingReads else { return }
        isCallHoldingReads = isHolding
        if let context { readIfPending(context) }
    }

    /// The call is over, whatever came of it.
    /// - Parameter isReusable: whether the connection can take another request.
    func finished(_ finished: GatewayCall, isReusable: Bool) {
        guard call === finished else { return }
        call = nil
        isCallHoldingReads = false
        guard let context else { return }
        guard isReusable else {
            guard finished.isAnswered else { return context.close(promise: nil) }
            guard !finished.hasWholeRequest else { return closeWhenWritten(context) }
            isDraining = true
            let handler = NIOLoopBound(self, eventLoop: context.eventLoop)
            context.eventLoop.scheduleTask(in: .seconds(3)) {
                if let context = handler.value.context { handler.value.closeWhenWritten(context) }
            }
            return readIfPending(context)
        }
        if mustQuiesce {
            mustQuiesce = false
            return context.fireUserInboundEventTriggered(ChannelShouldQuiesceEvent())
        }
        if waiting.isEmpty { readIfPending(context) } else { drain(context) }
    }
}

extension GatewayHandler {
    /// A caller who takes nothing any more is ended by the connection's own deadline.
    private func closeWhenWritten(_ context: ChannelHandlerContext) {
        let channel = context.channel
        guard let endIsWritten else { return context.close(promise: nil) }
        endIsWritten.whenComplete { _ in channel.close(promise: nil) }
    }
}

extension HTTPRequest {
    /// A preflight is the application's to answer, as everywhere.
    package var isForGateway: Bool {
        method != .options && (path?.utf8.starts(with: LatchkeyGateway.prefix.utf8) ?? false)
    }
}
