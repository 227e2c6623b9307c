import HTTPTypes
import LatchkeyCore
import LatchkeyCrypto
import NIOCore
import NIOHTTP1
import NIOHTTPTypes

// The request as it comes in.
extension GatewayCall {
    /// So much of a body is kept before it is known who calls.
    private static let mostUnadmitted = 64 * 1024

    func receive(_ part: HTTPRequestPart) {
        lastActivity = .now()
        switch part {
        case .head: break
        case .body(let bytes): receive(bytes)
        case .end:
            hasWholeRequest = true
            switch intake {
            case .holding: wholeBody.take()?.resume()
            case .forwarding: upstream?.end()
            case .dropping: break
            }
        }
    }

    private func receive(_ bytes: ByteBuffer) {
        switch intake {
        case .holding: hold(bytes)
        case .forwarding:
            guard let upstream else { return }
            upstream.send(bytes)
            if !upstream.isWritable {
                upstream.flush()
                if !upstream.isWritable { handler.holdReads(true) }
            }
        case .dropping: break
        }
    }

    func receiveComplete() {
        if case .forwarding = intake { upstream?.flush() }
    }

    private func hold(_ bytes: ByteBuffer) {
        countedBytes += bytes.readableBytes
        // Small ones always fit: a few large bodies must not stop everybody.
        if countedBytes > Self.mostUnadmitted {
            let bytes = countedBytes - max(takenBytes, 0)
            guard gateway.memory.take(bytes, of: user) else {
                return stopHolding(LatchkeyError(.tooBusy, "too many large requests are being read", retryAfter: 1))
            }
            takenBytes += bytes
        }
        guard countedBytes <= gateway.limits.jsonBytes else {
            return stopHolding(
                LatchkeyError(.bodyTooLarge, "the body has more than \(gateway.limits.jsonBytes) bytes"))
        }
        if held == nil { held = bytes } else { held?.writeImmutableBuffer(bytes) }
        // Nobody is waiting for it yet: who calls is still to be found out, or the provider to be reached.
        if wholeBody == nil, countedBytes >= Self.mostUnadmitted { handler.holdReads(true) }
    }

    private func stopHolding(_ error: LatchkeyError) {
        intake = .dropping
        if let wholeBody = wholeBody.take() { wholeBody.resume(throwing: error) } else { refusal = error }
        handler.holdReads(false)
    }

    /// Reads the whole body where it has to be looked into before it is passed on.
    /// - Returns: false where there is none, or where it is passed on as it comes.
    func readBody(of provider: Provider, at target: GatewayTarget) async throws -> Bool {
        if let refusal { throw refusal }
        guard hasBody else { return false }
        let isWhole = try isReadWhole(provider, target)
        if isWhole, request.headerFields[values: .contentEncoding].contains(where: { $0.lowercased() != "identity" }) {
            throw LatchkeyError(
                .unsupportedMediaType, "a compressed body cannot be looked into", hint: "send it as it is")
        }
        if request.headerFields[.expect]?.lowercased() == "100-continue" {
            handler.write(.head(HTTPResponse(status: .continue)))
            handler.flush()
        }
        guard isWhole else { return false }
        if !hasWholeRequest {
            try await withCheckedThrowingContinuation { continuation in
                wholeBody = continuation
                handler.holdReads(false)
            }
        }
        body = held ?? ByteBuffer()
        return true
    }

    var hasBody: Bool {
        if let length = request.headerFields[.contentLength] { return length != "0" }
        return request.headerFields[.transferEncoding] != nil
    }

    /// Everything but what is a file by its own word: a model that is named in a body must not be passed by with another
    /// content type.
    private func isReadWhole(_ provider: Provider, _ target: GatewayTarget) throws -> Bool {
        let path = try RequestReading.read(
            method: request.method.rawValue, path: target.path, body: nil, shape: provider.usage)
        // What generates is JSON, whatever it says of itself.
        guard path.operation == nil else { return true }
        guard let type = request.headerFields[.contentType] else { return true }
        let lower = type.utf8.prefix(32).map { $0 | 0x20 }
        return !["multipart/", "application/octet-stream", "audio/", "image/", "video/"].contains {
            lower.starts(with: $0.utf8)
        }
    }

    /// Sends the body that was read, or what has come of one that is passed on.
    func sendBody() {
        guard let upstream else { return }
        if let body {
            if body.readableBytes > 0 { upstream.send(body) }
        } else if let held = held.take() {
            upstream.send(held)
        }
        guard !hasWholeRequest else { return upstream.end() }
        intake = .forwarding
        upstream.flush()
        handler.holdReads(!upstream.isWritable)
    }

    func outgoingHead(
        _ plan: Plan, _ destination: Destination, _ fields: [String: String], _ secret: SharedSecret
    ) -> HTTPRequestHead {
        var headers = OutgoingHeaders.make(
            from: request.headerFields, destination: destination, provider: plan.provider, secret: secret,
            fields: fields, carriers: gateway.carriers)
        headers.replaceOrAdd(name: "host", value: destination.authority)
        if let body {
            headers.replaceOrAdd(name: "content-length", value: "\(body.readableBytes)")
        } else if let length = request.headerFields[.contentLength] {
            headers.replaceOrAdd(name: "content-length", value: length)
        } else if hasBody {
            headers.replaceOrAdd(name: "transfer-encoding", value: "chunked")
        }
        return HTTPRequestHead(
            version: .http1_1, method: HTTPMethod(rawValue: request.method.rawValue),
            uri: destination.requestTarget(path: plan.target.path, query: plan.target.query), headers: headers)
    }

    func actingFor() throws -> [UInt8]? {
        let fields = request.headerFields[values: .latchkeyUser]
        guard fields.count <= 1 else {
            throw LatchkeyError(.userIDNotAllowed, "the header Latchkey-User is there twice")
        }
        return fields.first.map { Array($0.utf8) }
    }

    func keyName() throws -> KeyName? {
        let fields = request.headerFields[values: .latchkeyKey]
        guard fields.count <= 1 else { throw LatchkeyError(.invalidName, "the header Latchkey-Key is there twice") }
        return try fields.first.map { try KeyName($0) }
    }

    func address() -> NetworkAddress? {
        CallerAddress.find(
            peer: channel.remoteAddress?.networkAddress,
            forwardedFor: request.headerFields[values: .xForwardedFor], trusted: gateway.trustedProxies)
    }

    var wantsClose: Bool {
        request.headerFields[values: .connection].contains { $0.lowercased().contains("close") }
    }
}

extension HTTPField.Name {
    private static func made(_ name: String) -> HTTPField.Name { HTTPField.Name(name) ?? .server }
    static let latchkeyUser = made("Latchkey-User")
    static let latchkeyKey = made("Latchkey-Key")
    static let latchkeySource = made("Latchkey-Source")
    static let xForwardedFor = made("X-Forwarded-For")
}
