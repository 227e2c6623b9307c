import LatchkeyCore
import NIOCore

// How long a call may stand still. The connection's one timer asks.
extension GatewayCall {
    /// - Returns: when to ask again; nil when the call has been ended for it.
    func look() -> TimeAmount? {
        guard !isOver else { return nil }
        // While the caller reads nothing there is nothing to wait for: that has its own deadline at the connection.
        let isHeldBack = answer.isBegun && !channel.isWritable
        let limit = answer.isBegun || !hasWholeRequest ? gateway.limits.idle : gateway.limits.firstByte
        let left = isHeldBack ? limit : (lastActivity + limit) - .now()
        guard left <= .zero else { return left }
        expire()
        return nil
    }

    private func expire() {
        let isCallersTurn = !hasWholeRequest && (upstream?.isWritable ?? true)
        if isCallersTurn { upstream?.cancel() } else { upstream?.giveUp() }
        upstream = nil
        if let wholeBody = wholeBody.take() {
            return wholeBody.resume(
                throwing: LatchkeyError(.requestTimeout, "the request took too long to arrive"))
        }
        guard !answer.isBegun else { return conclude(.answered) }
        conclude(
            .failed(
                isCallersTurn
                    ? LatchkeyError(.requestTimeout, "the request took too long to arrive")
                    : LatchkeyError(.upstreamTimeout, "the provider did not answer in time")))
    }
}
