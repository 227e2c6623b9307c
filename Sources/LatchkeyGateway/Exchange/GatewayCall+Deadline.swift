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
        // A body that is waited for, however steadily it trickles in.
        let isTrickling = wholeBody != nil && .now() - beganAt > Self.mostForWholeBody
        guard left <= .zero || isTrickling else { return left }
        expire()
        // In case it was between two things and nobody waited.
        return isOver ? nil : .seconds(1)
    }

    private static let mostForWholeBody = TimeAmount.minutes(15)

    private func expire() {
        let isCallersTurn = !hasWholeRequest && (upstream?.isWritable ?? true)
        if isCallersTurn { upstream?.cancel() } else { upstream?.giveUp() }
        upstream = nil
        if let wholeBody = wholeBody.take() {
            return wholeBody.resume(
                throwing: LatchkeyError(.requestTimeout, "the request took too long to arrive"))
        }
        guard !answer.isBegun else { return conclude(.answered) }
        // What it waits for comes behind the conclusion.
        defer { wait.take()?.cancel() }
        conclude(
            .failed(
                isCallersTurn
                    ? LatchkeyError(.requestTimeout, "the request took too long to arrive")
                    : LatchkeyError(.upstreamTimeout, "the provider did not answer in time")))
    }
}
