import LatchkeyCore
import Synchronization

/// The outside world: a provider that judges a key by what is written in it, so that a test says which verdict it wants
/// in the key itself.
final class ScriptedProvider: ProbeTransport {
    /// Two made-up providers beside the built-in ones: a plain one, and one with fields.
    static let catalogue = """
        providers:
          - id: acme
            name: Acme
            base_url: https://api.acme.test/v1
            patterns: ['^sk-']
            env: [ACME_API_KEY]
            probe: {path: /models}
          - id: forms
            name: Forms
            base_url: https://{region}.forms.test
            auth: {header: X-Forms-Key}
            headers: {x-forms-version: "1"}
            fields:
              - {name: region, required: true, pattern: "^[a-z]{2,8}$"}
              - {name: note}
            probe: {path: /me}
        """

    private struct State {
        var arrived: Door?
        var release: Door?
    }

    private let state = Mutex(State())

    /// The next request waits: `arrived` opens when it is there, and it goes on when `release` is opened.
    func holdNext() -> (arrived: Door, release: Door) {
        let doors = (arrived: Door(), release: Door())
        state.withLock { $0 = State(arrived: doors.arrived, release: doors.release) }
        return doors
    }

    func send(_ request: ProbeRequest) async throws(ProbeTransportError) -> ProbeResponse {
        let held = state.withLock { state in
            defer { state = State() }
            return state
        }
        held.arrived?.open()
        await held.release?.wait()
        let key = request.headers.last?.value ?? ""
        if key.contains("unreachable") { throw .network }
        let status = key.contains("revoked") ? 401 : 200
        return ProbeResponse(status: status, body: Array("{}".utf8))
    }
}

/// Shut until somebody opens it; one may wait.
final class Door: Sendable {
    private let stream: AsyncStream<Never>
    private let continuation: AsyncStream<Never>.Continuation

    init() { (stream, continuation) = AsyncStream<Never>.makeStream() }

    func open() { continuation.finish() }

    func wait() async { for await _ in stream {} }
}
