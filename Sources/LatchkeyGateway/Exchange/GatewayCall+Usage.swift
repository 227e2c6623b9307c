import HTTPTypes
import LatchkeyCore
import NIOCore
import Synchronization

// What the call used.
extension GatewayCall {
    /// Notes the call, once the provider was asked.
    func record(_ plan: Plan) {
        guard answer.wasAsked else {
            if let reservation = plan.reservation { gateway.ledger.release(reservation) }
            return
        }
        let now = NIODeadline.now()
        let (tokens, isEstimated) = tokens(plan)
        let model = answer.meter.model ?? plan.reading.model
        let event = UsageEvent(
            id: UsageID.make(), at: plan.at, origin: .gateway, user: plan.caller.user, provider: plan.provider.id,
            keyName: attempt?.keyName ?? plan.keyName ?? .default, source: attempt?.source.rawValue,
            tokenID: plan.caller.grant?.id, operation: plan.reading.operation, model: model, tokens: tokens,
            cost: gateway.ledger.cost(of: tokens, provider: plan.provider.id, model: model, at: plan.at),
            status: answer.status, duration: (now - beganAt).nanoseconds / 1000,
            firstByte: answer.firstByteAt.map { ($0 - beganAt).nanoseconds / 1000 }, isStreamed: answer.isStreamed,
            isEstimated: isEstimated, requestID: requestID)
        gateway.ledger.record(event, settling: plan.reservation)
    }

    /// What the provider said; where it said nothing of a call that uses something, or its answer was cut off before it
    /// said so, a guess.
    private func tokens(_ plan: Plan) -> (TokenCounts, isEstimated: Bool) {
        let counted = answer.meter.tokens
        let mayHaveWorked = answer.status.map { (200..<300).contains($0) } ?? !answer.isLost
        guard plan.reading.operation != nil, request.method == .post, mayHaveWorked else { return (counted, false) }
        // In a stream Anthropic tells the beginning of its output first, the others all of it at the end.
        let isTold = answer.isComplete ? !counted.isEmpty : counted.output ?? 0 > 1 && plan.provider.usage != .anthropic
        guard !isTold else { return (counted, false) }
        var tokens = plan.reading.estimate
        tokens.input = counted.input ?? tokens.input
        tokens.cachedInput = counted.cachedInput
        let most = max(tokens.output ?? 0, plan.reading.operation == "embeddings" ? 0 : RequestReading.usualOutput)
        // Of text, a token is about four bytes; an event of a stream carries one in some two hundred.
        let bytesPerToken = answer.isStreamed ? 200 : 4
        // By what came, and not by what the caller said would come.
        if answer.isStreamed || answer.isComplete {
            tokens.output = max(counted.output ?? 0, Int64(answer.bytes / bytesPerToken))
            if !answer.isStreamed { tokens.output = min(tokens.output ?? 0, most) }
        }
        return (tokens, true)
    }
}

/// Names of usage events: our own, for the caller's request id may be the same twice.
private enum UsageID {
    private static let processText = String(UInt64.random(in: .min ... .max), radix: 36)
    private static let count = Atomic<UInt64>(0)

    static func make() -> String {
        // All of one length: as texts too they are in the order in which they were given.
        let number = String(count.wrappingAdd(1, ordering: .relaxed).newValue, radix: 36)
        return "gw-\(processText)-\(String(repeating: "0", count: max(0, 10 - number.utf8.count)))\(number)"
    }
}
