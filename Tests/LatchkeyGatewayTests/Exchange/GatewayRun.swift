import HTTPTypes
import LatchkeyCore
import LatchkeyCrypto
import LatchkeyGateway
import LatchkeyTesting
import Logging
import NIOCore
import NIOEmbedded
import NIOHTTP1
import NIOHTTPTypes
import Synchronization
import Testing

struct ScriptedAnswer: Sendable {
    let status: UInt

    init(_ status: UInt) { self.status = status }
}

/// One connection to the gateway, in memory: a user with a key, a clock that stands still, a provider that answers as it
/// was told.
final class GatewayRun: Sendable {
    let clock: TestClock
    let ledger = ScriptedLedger(isLimited: true)
    let upstream: ScriptedUpstream
    /// Calls whose caller was asked for.
    let callers: Milestone
    private let fixture: VaultFixture
    private let loop = NIOAsyncTestingEventLoop()
    private let channel: NIOAsyncTestingChannel
    private let user: UserID

    init(at unixSeconds: Int64, answers: [ScriptedAnswer]) async throws {
        clock = TestClock(unixSeconds: unixSeconds)
        fixture = try VaultFixture(store: ModelStore(), clock: clock)
        user = try UserID("alice")
        upstream = ScriptedUpstream(answers)
        let callers = Milestone()
        self.callers = callers
        let gateway = Gateway(
            resolver: KeyResolver(
                vault: fixture.vault, environment: EnvironmentKeys.read([:], catalogue: fixture.catalogue).0,
                globalFallback: false),
            authentication: KnownCaller(user: user, callers: callers), ledger: ledger, upstream: upstream,
            edge: PlainEdge(), executors: EventLoopExecutors(group: loop),
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        let channel = NIOAsyncTestingChannel(loop: loop)
        self.channel = channel
        // A handler stays on its channel's loop.
        try await loop.executeInContext {
            try channel.pipeline.syncOperations.addHandler(GatewayHandler(gateway: gateway))
        }
        try await channel.connect(to: try SocketAddress(ipAddress: "127.0.0.1", port: 1)).get()
        try await addKey("default")
    }

    /// A key of the user's, who wants failover.
    func addKey(_ name: String) async throws {
        try await fixture.set(name: name, validate: false, of: .user(user))
        let event = AuditEvent(at: clock.clock.now(), actor: .user(user), action: .settingsChange)
        try await fixture.store.set(.keyFailover, to: true, of: user, event: event)
    }

    func chat(length: Int) -> HTTPRequest {
        var request = HTTPRequest(
            method: .post, scheme: "http", authority: "here", path: "/gateway/acme/chat/completions")
        request.headerFields[.authorization] = "Bearer shown"
        request.headerFields[.contentType] = "application/json"
        request.headerFields[.contentLength] = "\(length)"
        return request
    }

    func send(_ parts: HTTPRequestPart...) async throws {
        for part in parts { try await channel.writeInbound(part) }
    }

    func leave() async throws { try await channel.close().get() }

    func status() async throws -> Int { try await answer().status }

    /// The next answer, whole.
    func answer() async throws -> (status: Int, body: String) {
        var status = 0
        var body = ""
        while true {
            let part = try await next()
            switch part {
            case .head(let response): status = response.status.code
            case .body(let bytes): body += String(buffer: bytes)
            case .end:
                await loop.run()
                return (status, body)
            }
        }
    }

    private func next() async throws -> HTTPResponsePart {
        let found = Mutex<HTTPResponsePart?>(nil)
        try await until {
            let part = try await self.channel.readOutbound(as: HTTPResponsePart.self)
            found.withLock { $0 = part }
            return part != nil
        }
        return try #require(found.withLock { $0 })
    }

    /// Polls, for ten seconds at the most.
    func until(_ condition: () async throws -> Bool) async throws {
        let deadline = ContinuousClock.now + .seconds(10)
        while try await !condition() {
            try #require(ContinuousClock.now < deadline, "it did not happen")
            await loop.run()
            await Task.yield()
        }
    }
}

private struct KnownCaller: GatewayAuthentication {
    let user: UserID
    let callers: Milestone

    func gatewayCaller(
        credential: [UInt8], actingFor user: [UInt8]?, from address: NetworkAddress?
    ) async throws -> GatewayCaller {
        callers.reach()
        return GatewayCaller(user: self.user, actor: .user(self.user))
    }
}

private struct PlainEdge: GatewayEdge {
    func requestID(for request: HTTPRequest) -> String { "request-1" }

    func error(from error: any Error) -> LatchkeyError {
        error as? LatchkeyError ?? LatchkeyError(.internalError, "\(error)")
    }

    func problem(_ error: LatchkeyError, requestID: String) -> (fields: HTTPFields, body: ByteBuffer) {
        ([:], ByteBuffer(string: error.code.rawValue))
    }

    func finish(_ response: inout HTTPResponse, for request: HTTPRequest, requestID: String) {}
}

/// Answers each call with the next of its answers; where there is none left, no connection is free.
final class ScriptedUpstream: UpstreamClient {
    private struct State {
        var answers: [ScriptedAnswer]
        var calls = 0
        var waiting = 0
        var onCall: @Sendable (Int) -> Void = { _ in }
    }

    private let state: Mutex<State>

    init(_ answers: [ScriptedAnswer]) { state = Mutex(State(answers: answers)) }

    /// Told the number of each call before it is answered.
    func onCall(_ body: @escaping @Sendable (Int) -> Void) { state.withLock { $0.onCall = body } }

    var waiting: Int { state.withLock { $0.waiting } }

    func call(
        _ head: HTTPRequestHead, to destination: Destination, of user: UserID, receiver: any UpstreamReceiver,
        on loop: any EventLoop, isFresh: Bool
    ) async throws -> any UpstreamCall {
        let (number, answer, onCall) = state.withLock { state in
            state.calls += 1
            return (state.calls, state.answers.isEmpty ? nil : state.answers.removeFirst(), state.onCall)
        }
        onCall(number)
        if let answer { return ScriptedCall(answer, receiver) }
        let wait = ScriptedWait()
        receiver.upstreamWaits(wait)
        state.withLock { $0.waiting += 1 }
        await wait.gate.pass()
        state.withLock { $0.waiting -= 1 }
        throw CancellationError()
    }

    func close() async {}
}

private final class ScriptedWait: UpstreamWait {
    let gate = Gate()

    func cancel() { gate.open() }
}

private final class ScriptedCall: UpstreamCall {
    private let answer: ScriptedAnswer
    private let receiver: any UpstreamReceiver

    init(_ answer: ScriptedAnswer, _ receiver: any UpstreamReceiver) {
        self.answer = answer
        self.receiver = receiver
    }

    func end() {
        let body = ByteBuffer(string: "scripted")
        let status = HTTPResponseStatus(statusCode: Int(answer.status))
        let headers: HTTPHeaders = ["content-length": "\(body.readableBytes)"]
        receiver.upstreamHead(HTTPResponseHead(version: .http1_1, status: status, headers: headers))
        receiver.upstreamBody(body)
        receiver.upstreamReadComplete()
        receiver.upstreamEnd()
    }

    func send(_ bytes: ByteBuffer) {}
    func flush() {}
    var isWritable: Bool { true }
    func setReading(_ isReading: Bool) {}
    var isReused: Bool { false }
    func cancel() {}
    func giveUp() {}
}
