import LatchkeyCore
import NIOCore

// One timer a call, moved on when it finds that something has happened.
extension GatewayCall {
    func startDeadline() { schedule(in: min(gateway.limits.firstByte, gateway.limits.idle)) }

    private func schedule(in time: TimeAmount) {
        let call = NIOLoopBound(self, eventLoop: loop)
        deadline = loop.scheduleTask(in: time) { call.value.look() }
    }

    private func look() {
        guard !isOver else { return }
        // While the caller reads nothing there is nothing to wait for: that has its own deadline at the connection.
        let isHeldBack = answer.isBegun && !channel.isWritable
        let limit = answer.isBegun || !hasWholeRequest ? gateway.limits.idle : gateway.limits.firstByte
        let left = isHeldBack ? limit : (lastActivity + limit) - .now()
        guard left <= .zero else { return schedule(in: left) }
        expire()
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
