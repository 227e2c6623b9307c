import HTTPTypes
import LatchkeyCore
import Logging
import NIOCore
import NIOHTTP1
import NIOHTTPTypes

/// The answer as it goes by.
struct Answer {
    var meter = AnswerMeter(shape: .none, contentType: nil, hidesUsageChunk: false)
    var shape = UsageShape.none
    var hidesUsageChunk = false
    /// The provider was sent the request, or a part of it.
    var wasAsked = false
    var status: Int?
    /// The head has gone to the caller.
    var isBegun = false
    var isComplete = false
    /// The provider broke off before it answered: nobody knows what it did.
    var isLost = false
    /// RFC 9110, section 6.4.1.
    var mayHaveBody: Bool { status != 204 && status != 304 }
    /// Over a connection that had served before.
    var wasReused = false
    var bytes = 0
    var firstByteAt: NIODeadline?
    var isStreamed = false
    /// A refusal that is looked at before it is passed on.
    var judged: UpstreamRefusal?
}

extension GatewayCall: UpstreamReceiver {
    func upstreamWaits(_ wait: any UpstreamWait) { self.wait = wait }

    func upstreamHead(_ head: HTTPResponseHead) {
        lastActivity = .now()
        // What is no status of a final answer is no answer: the types behind this even trap on some.
        guard (200..<600).contains(head.status.code) else {
            upstream?.cancel()
            upstream = nil
            answer.isLost = true
            return conclude(.failed(Self.error(.brokenOff)))
        }
        answer.status = Int(head.status.code)
        if attempt?.mayTryAnother == true, UpstreamRefusal.isJudged(head.status.code) {
            answer.judged = UpstreamRefusal(head: head)
        } else {
            begin(head)
        }
    }

    func upstreamBody(_ bytes: ByteBuffer) {
        lastActivity = .now()
        if answer.firstByteAt == nil { answer.firstByteAt = lastActivity }
        if answer.judged != nil {
            answer.judged?.add(bytes)
            // Too long to be a mere refusal: it goes on as it is.
            if let judged = answer.judged, judged.isTooLong { deliver(judged, isWhole: false) }
            return
        }
        pass(bytes)
    }

    func upstreamReadComplete() {
        if answer.isBegun { handler.flush() }
    }

    func upstreamEnd() {
        lastActivity = .now()
        upstream = nil
        if let judged = answer.judged { return conclude(.refused(judged)) }
        end()
        conclude(.answered)
    }

    func upstreamFailed(_ failure: UpstreamFailure) {
        upstream = nil
        guard answer.isBegun else {
            answer.isLost = true
            return conclude(.failed(Self.error(failure)))
        }
        // A stream that was cut must not look as if it had come to its end. Where there is no body nothing was cut.
        if !hasAnswerBody { end() }
        conclude(.answered)
    }

    func upstreamWritabilityChanged() {
        guard case .forwarding = intake, let upstream else { return }
        handler.holdReads(!upstream.isWritable)
    }
}

// To the caller
extension GatewayCall {
    private func begin(_ head: HTTPResponseHead) {
        guard head.headers[canonicalForm: "content-encoding"].allSatisfy({ $0.lowercased() == "identity" }) else {
            upstream?.cancel()
            upstream = nil
            return conclude(
                .failed(
                    LatchkeyError(
                        .upstreamFailed,
                        "the provider answered in a compressed form that was not asked for and cannot be looked into")))
        }
        // What is only read again, such as a stored answer, was counted when it was made.
        let isCounted = (200..<300).contains(head.status.code) && request.method == .post
        answer.meter = AnswerMeter(
            shape: isCounted ? answer.shape : .none, contentType: head.headers.first(name: "content-type"),
            hidesUsageChunk: answer.hidesUsageChunk)
        answer.isStreamed = answer.meter.isEventStream
        let redactor = attempt?.redactor
        var fields = IncomingHeaders.make(from: head.headers) { redactor?.contains($0) ?? false }
        fields[.contentLength] = nil
        let lengths = head.headers[canonicalForm: "content-length"]
        // What is blacked out keeps its length; a chunk that is hidden does not.
        if lengths.count == 1, !answer.meter.changesLength {
            fields[.contentLength] = String(lengths[0])
        }
        write(HTTPResponse(status: .init(code: Int(head.status.code)), headerFields: fields))
    }

    private func write(_ response: HTTPResponse) {
        var response = response
        if let attempt {
            response.headerFields[.latchkeySource] = attempt.source.rawValue
            response.headerFields[.latchkeyKey] = attempt.keyName.text
        }
        gateway.edge.finish(&response, for: request, requestID: requestID)
        if wantsClose || !hasWholeRequest { response.headerFields[.connection] = "close" }
        answer.isBegun = true
        forgetBody()
        handler.write(.head(response))
    }

    private func pass(_ bytes: ByteBuffer) {
        answer.bytes += bytes.readableBytes
        guard let clean = attempt?.redactor.feed(bytes), let passed = answer.meter.feed(clean) else { return }
        writeBody(passed)
    }

    private var hasAnswerBody: Bool { request.method != .head && answer.mayHaveBody }

    private func writeBody(_ bytes: ByteBuffer) {
        // An answer without a body has no framing either: bytes behind it would be taken for the next answer.
        guard bytes.readableBytes > 0, hasAnswerBody else { return }
        handler.write(.body(bytes))
        if !channel.isWritable { upstream?.setReading(false) }
    }

    private func end() {
        if let rest = attempt?.redactor.finish(), let passed = answer.meter.feed(rest) { writeBody(passed) }
        if let rest = answer.meter.finish() { writeBody(rest) }
        handler.writeEnd()
        answer.isComplete = true
    }

    /// Passes on a refusal that was held for a moment.
    func deliver(_ refusal: UpstreamRefusal, isWhole: Bool = true) {
        answer.judged = nil
        begin(refusal.head)
        guard answer.isBegun else {
            // It came in a form that cannot be looked into.
            return refuse(LatchkeyError(.upstreamFailed, "the provider refused in a form that cannot be read"))
        }
        pass(refusal.body)
        if isWhole { end() }
    }

    func clientWritabilityChanged(_ isWritable: Bool) {
        lastActivity = .now()
        upstream?.setReading(isWritable)
    }

    func clientIsGone() {
        guard !isOver else { return }
        isOver = true
        upstream?.cancel()
        upstream = nil
        wait.take()?.cancel()
        wholeBody.take()?.resume(throwing: CancellationError())
        conclude(.callerIsGone)
    }

    /// Answers with a problem document, where nothing of an answer has gone out.
    func refuse(_ error: any Error) {
        upstream?.cancel()
        upstream = nil
        guard !isOver, !answer.isBegun else { return }
        let error = gateway.edge.error(from: error)
        if error.code.status >= 500 {
            gateway.logger.warning(
                "a call could not be made",
                metadata: [
                    "request_id": "\(requestID)", "code": "\(error.code.rawValue)", "reason": "\(error.reason)",
                ])
        }
        var (fields, body) = gateway.edge.problem(error, requestID: requestID)
        if error.code == .methodNotAllowed { fields[.allow] = "GET, HEAD, POST, PUT, PATCH, DELETE" }
        var response = HTTPResponse(status: .init(code: error.code.status), headerFields: fields)
        response.headerFields[.contentLength] = "\(body.readableBytes)"
        attempt = nil
        write(response)
        if request.method != .head { handler.write(.body(body)) }
        handler.writeEnd()
        answer.isComplete = true
    }

    static func error(_ failure: UpstreamFailure) -> LatchkeyError {
        switch failure {
        case .noAddress, .unreachable:
            LatchkeyError(.upstreamUnreachable, "no connection to the provider came about", retryAfter: 1)
        case .certificate:
            LatchkeyError(
                .upstreamUnreachable, "the provider's certificate cannot be verified; nothing was sent",
                hint: "an operator adds a private authority with LATCHKEY_PROVIDER_CA_FILE")
        case .connectTimeout: LatchkeyError(.upstreamTimeout, "connecting to the provider took too long")
        case .brokenOff:
            LatchkeyError(
                .upstreamFailed, "the provider ended the connection before it had answered",
                hint: "it may have received the request")
        case .tooManyConnections:
            LatchkeyError(.tooBusy, "too many calls to this provider are under way", retryAfter: 1)
        }
    }
}
