import HTTPTypes
import LatchkeyCore
import LatchkeyCrypto
import Logging
import NIOCore
import NIOHTTP1
import NIOHTTPTypes

/// One call through the gateway, from its head to the last byte of its answer. Everything happens on the connection's
/// event loop; `run` decides, the channel handlers on both sides call the rest.
final class GatewayCall {
    let request: HTTPRequest
    let requestID: String
    let gateway: Gateway
    let handler: GatewayHandler
    let channel: any Channel
    let loop: any EventLoop
    let began: Timestamp
    let beganAt = NIODeadline.now()

    var intake = Intake.holding
    var hasWholeRequest = false
    var held: ByteBuffer?
    var countedBytes = 0
    /// Of those, what was taken from the memory for bodies.
    var takenBytes = 0
    /// The body that was read whole; nil where there is none, or where it is passed on as it comes.
    var body: ByteBuffer?
    /// Once it is known.
    var user: UserID?
    var wholeBody: CheckedContinuation<Void, any Error>?
    /// Why the body was not read to its end, found out before anybody asked for it.
    var refusal: LatchkeyError?

    var attempt: Attempt?
    var upstream: (any UpstreamCall)?
    /// While no connection is free.
    var wait: (any UpstreamWait)?
    var outcome: CheckedContinuation<Outcome, Never>?
    private var concluded: Outcome?
    var answer = Answer()

    var lastActivity = NIODeadline.now()
    var isOver = false

    /// What is done with the request's body.
    enum Intake { case holding, forwarding, dropping }

    /// How the exchange with the provider ended.
    enum Outcome {
        /// The answer went to the caller, to its end or as far as it came.
        case answered
        /// The provider refused in a way that another key might not meet. Nothing has gone to the caller.
        case refused(UpstreamRefusal)
        /// Nothing has gone to the caller.
        case failed(LatchkeyError)
        case callerIsGone
    }

    /// One try with one key.
    struct Attempt {
        var source: KeyResolver.Source
        var keyName: KeyName
        var redactor: KeyRedactor
        var mayTryAnother: Bool
    }

    init(_ request: HTTPRequest, on handler: GatewayHandler, context: ChannelHandlerContext, gateway: Gateway) {
        self.request = request
        self.handler = handler
        self.gateway = gateway
        channel = context.channel
        loop = context.eventLoop
        requestID = gateway.edge.requestID(for: request)
        began = gateway.resolver.vault.clock.now()
    }

    func start() {
        let call = NIOLoopBound(self, eventLoop: loop)
        // On the loop the bytes arrive on, and ended by the call's own deadlines or by the caller's going away.
        Task(executorPreference: gateway.executors[loop]) { await call.value.run() }
    }

    private func run() async {
        do { try await exchange(try await admit()) } catch { refuse(error) }
        finish()
    }

    /// Nothing of it is sent again.
    func forgetBody() {
        held = nil
        body = nil
        if takenBytes > 0 { gateway.memory.giveBack(takenBytes, of: user) }
        takenBytes = 0
    }

    /// Who calls, and what for: everything that can be said before a key is opened.
    private func admit() async throws -> Plan {
        try GatewayMethod.check(request.method)
        let target = try GatewayTarget(request.path ?? "")
        guard let provider = gateway.resolver.vault.catalogue[target.provider] else {
            throw LatchkeyError(.unknownProviderPath, "no such provider in the catalogue")
        }
        let credential = try GatewayCredential.find(in: request.headerFields, catalogue: gateway.carriers)
        let caller = try await gateway.authentication.gatewayCaller(
            credential: credential, actingFor: try actingFor(), from: address())
        try checkIsWanted()
        user = caller.user
        if let grant = caller.grant, !grant.allows(provider.id) {
            throw LatchkeyError(.forbidden, "the access token is not for \(provider.id.text)")
        }
        let name = try keyName()
        let isWhole = try await readBody(of: provider, at: target)
        var reading = try RequestReading.read(
            method: request.method.rawValue, path: target.path, body: body, shape: provider.usage)
        if let edited = reading.body { body = edited }
        reading.body = nil
        held = isWhole ? nil : held
        if let grant = caller.grant, !grant.models.isEmpty, !allows(reading, at: target, grant) {
            throw LatchkeyError(
                .modelNotAllowed,
                reading.model == nil
                    ? "the access token is for certain models, and this request names none"
                    : "the access token is not for this model")
        }
        return Plan(target: target, provider: provider, caller: caller, keyName: name, reading: reading, at: began)
    }

    private func allows(_ reading: RequestReading, at target: GatewayTarget, _ grant: AccessGrant) -> Bool {
        // A batch names models inside, each line its own.
        let isBatch = reading.operation == nil && target.path.lowercased().contains("batch")
        return !isBatch && grant.allows(model: reading.model)
            && (reading.modelInBody == nil || grant.allows(model: reading.modelInBody))
    }

    private func exchange(_ plan: Plan) async throws {
        var plan = plan
        var tried: [KeyName] = []
        while true {
            // The time it counts for: not when its head came in, which may have been another day.
            plan.at = gateway.resolver.vault.clock.now()
            do { plan.reservation = try await gateway.ledger.reserve(plannedCall(plan)) } catch {
                guard let refusal = answer.judged, !isOver else { throw error }
                // The key before this one has answered: that is what the caller is told.
                return deliver(refusal)
            }
            let outcome: Outcome
            do { outcome = try await attempt(plan, others: tried) } catch {
                if let reservation = plan.reservation { gateway.ledger.release(reservation) }
                throw error
            }
            tried.append(attempt?.keyName ?? plan.keyName ?? .default)
            switch outcome {
            case .answered: return record(plan)
            case .callerIsGone: return record(plan)
            case .failed(let error):
                record(plan)
                throw error
            case .refused(let refusal):
                guard let next = (try? await nextKey(after: tried, refusal, plan)) ?? nil else {
                    deliver(refusal)
                    return record(plan)
                }
                if let reservation = plan.reservation { await gateway.ledger.releaseNow(reservation) }
                plan.reservation = nil
                gateway.logger.notice(
                    "another key of the user's serves",
                    metadata: ["request_id": "\(requestID)", "provider": "\(plan.provider.id.text)"])
                plan.keyName = next
            }
        }
    }

    private func plannedCall(_ plan: Plan) -> PlannedCall {
        PlannedCall(
            user: plan.caller.user, provider: plan.provider.id, keyName: plan.keyName ?? .default,
            grant: plan.caller.grant, model: plan.reading.model, estimate: plan.reading.estimate,
            requestID: requestID, at: plan.at)
    }

    /// Opens the key, after its audit event is durable, and makes one exchange with the provider.
    private func attempt(_ plan: Plan, others tried: [KeyName]) async throws -> Outcome {
        // The first may be what stands in for a key of one's own; another one is one's own or none.
        let resolver = tried.isEmpty ? gateway.resolver : gateway.resolver.ownKeysOnly
        let resolved = try await resolver.resolve(
            user: plan.caller.user, provider: plan.provider, name: plan.keyName,
            by: Caller(plan.caller.actor, requestID: requestID, tokenID: plan.caller.grant?.id), for: .gateway)
        try checkIsWanted()
        let destination = try gateway.destination(resolved.credential, plan.provider)
        let secret = SharedSecret(resolved.credential.secret.copy())
        attempt = Attempt(
            source: resolved.source, keyName: resolved.name, redactor: KeyRedactor(secret: secret.secret),
            // What was passed on piece by piece cannot be sent again; a global key is nobody's to fail over from.
            mayTryAnother: resolved.source == .user && (body != nil || !hasBody) && tried.count < 8)
        answer = Answer(
            meter: AnswerMeter(
                shape: plan.provider.usage, contentType: nil, hidesUsageChunk: plan.reading.hidesUsageChunk),
            shape: plan.provider.usage, hidesUsageChunk: plan.reading.hidesUsageChunk)
        let head = outgoingHead(plan, destination, resolved.credential.fields, secret)
        let outcome = try await ask(head, destination, plan.caller.user, isFresh: false)
        guard case .failed = outcome, answer.isLost, answer.wasReused, isRepeatable else { return outcome }
        answer.isLost = false
        return try await ask(head, destination, plan.caller.user, isFresh: true)
    }

    /// What may be sent again when a kept connection turns out to be closed: what changes nothing (RFC 9110, section
    /// 9.2.2). A POST is not: nobody knows whether the provider has done it.
    private var isRepeatable: Bool { !hasBody && (request.method == .get || request.method == .head) }

    private func ask(
        _ head: HTTPRequestHead, _ destination: Destination, _ user: UserID, isFresh: Bool
    ) async throws -> Outcome {
        concluded = nil
        lastActivity = .now()
        do {
            let upstream = try await gateway.upstream.call(
                head, to: destination, of: user, receiver: self, on: loop, isFresh: isFresh)
            wait = nil
            guard !isOver else {
                upstream.cancel()
                return .callerIsGone
            }
            self.upstream = upstream
            answer.wasReused = upstream.isReused
        } catch let failure as UpstreamFailure {
            throw Self.error(failure)
        } catch let error as CancellationError {
            // By the caller's going away, or by a deadline.
            guard let concluded else { throw error }
            return concluded
        }
        lastActivity = .now()
        answer.wasAsked = true
        sendBody()
        return await conclusion()
    }

    /// - Throws: where the caller has gone away meanwhile: nothing is opened or sent for nobody.
    func checkIsWanted() throws {
        if isOver { throw CancellationError() }
    }

    func conclude(_ result: Outcome) {
        guard let outcome else { return concluded = result }
        self.outcome = nil
        outcome.resume(returning: result)
    }

    private func conclusion() async -> Outcome {
        // A connection may break while the request is being written to it.
        if let concluded { return concluded }
        return await withCheckedContinuation { outcome = $0 }
    }

    var isAnswered: Bool { answer.isComplete && channel.isActive }

    private func finish() {
        forgetBody()
        let isReusable = !isOver && hasWholeRequest && answer.isComplete && !wantsClose
        isOver = true
        intake = .dropping
        handler.finished(self, isReusable: isReusable)
    }
}

/// A call that may be made: by whom, with what.
struct Plan {
    var target: GatewayTarget
    var provider: Provider
    var caller: GatewayCaller
    /// nil: the key named `default`, or what stands in for it.
    var keyName: KeyName?
    var reading: RequestReading
    /// For which day and month it counts.
    var at: Timestamp
    var reservation: UsageReservation?
}
