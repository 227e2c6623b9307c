package import LatchkeyCore
import Synchronization

/// A ledger that says what it was told to, and remembers what it was asked: for tests of who asks it.
package final class ScriptedLedger: UsageLedger {
    private struct State {
        var refusal: LatchkeyError?
        var isLimited = false
        var planned: [PlannedCall] = []
        var recorded: [(event: UsageEvent, settling: UsageReservation?)] = []
        var open: Set<String> = []
        var released: [UsageReservation] = []
    }

    private let state = Mutex(State())
    private let costOfToken: Int64?

    /// - Parameters:
    ///   - isLimited: whether a budget applies to every call.
    ///   - costOfToken: micro-dollars for each token; nil: no price is known.
    package init(isLimited: Bool = false, costOfToken: Int64? = nil) {
        self.costOfToken = costOfToken
        state.withLock { $0.isLimited = isLimited }
    }

    /// From now on every call is refused so.
    package func refuse(_ error: LatchkeyError?) { state.withLock { $0.refusal = error } }

    package func reserve(_ call: PlannedCall) async throws -> UsageReservation? {
        try state.withLock { state in
            state.planned.append(call)
            if let refusal = state.refusal { throw refusal }
            guard state.isLimited else { return nil }
            let reservation = UsageReservation(id: "reservation-\(state.planned.count)", user: call.user)
            state.open.insert(reservation.id)
            return reservation
        }
    }

    package func record(_ event: UsageEvent, settling reservation: UsageReservation?) {
        state.withLock { state in
            state.recorded.append((event, reservation))
            if let reservation { state.open.remove(reservation.id) }
        }
    }

    package func release(_ reservation: UsageReservation) {
        state.withLock { state in
            state.released.append(reservation)
            state.open.remove(reservation.id)
        }
    }

    package func releaseNow(_ reservation: UsageReservation) async { release(reservation) }

    package func cost(of tokens: TokenCounts, provider: ProviderID, model: String?, at time: Timestamp) -> Int64? {
        costOfToken.map { UsageAmounts(tokens, cost: nil).tokens.multipliedReportingOverflow(by: $0).partialValue }
    }

    package var planned: [PlannedCall] { state.withLock { $0.planned } }
    package var events: [UsageEvent] { state.withLock { $0.recorded.map(\.event) } }
    package var settled: [UsageReservation] { state.withLock { $0.recorded.compactMap(\.settling) } }
    package var released: [UsageReservation] { state.withLock { $0.released } }
    /// Neither settled nor given back.
    package var open: Set<String> { state.withLock { $0.open } }
}
