package import LatchkeyCore
import Synchronization

/// A provider that answers as a test says: records what it was asked, can hold its answers, counts parallel calls.
package final class ScriptedTransport: ProbeTransport {
    package enum Answer: Sendable {
        case response(Int, String)
        case bytes(Int, [UInt8])
        case failure(ProbeTransportError)
        /// No answer until the asking task is cancelled.
        case never
    }

    private struct State {
        var script: @Sendable (ProbeRequest) -> Answer
        var requests: [ProbeRequest] = []
        var inFlight = 0
        var maximumInFlight = 0
    }

    private let state: Mutex<State>
    private let gate = Gate(isOpen: true)
    private let arrivals = Milestone()

    /// - Parameter answer: the same to every request, until `script` says otherwise.
    package init(_ answer: Answer = .response(200, "{}")) {
        state = Mutex(State(script: { _ in answer }))
    }

    package func answer(_ answer: Answer) { script { _ in answer } }

    package func script(_ script: @escaping @Sendable (ProbeRequest) -> Answer) {
        state.withLock { $0.script = script }
    }

    /// Answers are kept back until `release`; requests arrive and are recorded all the same.
    package func hold() { gate.close() }
    package func release() { gate.open() }

    package var requests: [ProbeRequest] { state.withLock { $0.requests } }
    package var urls: [String] { requests.map(\.url) }
    package var maximumInFlight: Int { state.withLock { $0.maximumInFlight } }
    package var inFlight: Int { state.withLock { $0.inFlight } }

    /// Returns once so many requests have arrived since the beginning.
    package func waitForRequests(_ count: Int) async { await arrivals.wait(for: count) }

    package func send(_ request: ProbeRequest) async throws(ProbeTransportError) -> ProbeResponse {
        let answer = state.withLock { state in
            state.requests.append(request)
            state.inFlight += 1
            state.maximumInFlight = max(state.maximumInFlight, state.inFlight)
            return state.script(request)
        }
        defer { state.withLock { $0.inFlight -= 1 } }
        arrivals.reach()
        guard await gate.pass() else { throw .network }
        switch answer {
        case .response(let status, let body): return ProbeResponse(status: status, body: Array(body.utf8))
        case .bytes(let status, let body): return ProbeResponse(status: status, body: body)
        case .failure(let error): throw error
        case .never:
            await Gate().pass()
            throw .network
        }
    }
}
