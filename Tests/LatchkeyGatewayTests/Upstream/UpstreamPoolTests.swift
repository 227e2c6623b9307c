import LatchkeyCore
import LatchkeyGateway
import LatchkeyTesting
import NIOCore
import NIOHTTP1
import NIOPosix
import Synchronization
import Testing

struct UpstreamPoolTests {
    @Test func `no more connections are dialled than there may be`() async throws {
        var limits = UpstreamLimits()
        limits.connectionsToOrigin = 4
        try await withPool(limits) { pool in
            let calls = try (0..<12).map { try pool.begin("user-\($0)") }
            try await until { pool.server.requests == 4 }
            pool.server.answer()
            for call in calls { #expect(await call.end == "200") }
            #expect(pool.server.mostOpen == 4)
        }
    }

    @Test func `nor of all providers together, and what is idle makes room`() async throws {
        var limits = UpstreamLimits()
        limits.connections = 4
        try await withPool(limits) { pool in
            pool.server.answer()
            for _ in 0..<3 { #expect(await (try pool.begin("one")).end == "200") }
            let other = HeldServer(group: pool.group)
            let port = try await other.start()
            let calls = try (0..<8).map { try pool.begin("user-\($0)", port: port) }
            try await until { other.requests == 4 }
            other.answer()
            for call in calls { #expect(await call.end == "200") }
            #expect(other.mostOpen == 4)
            await other.stop()
        }
    }

    @Test func `one user gets half of them, and another one those that are left`() async throws {
        var limits = UpstreamLimits()
        limits.connectionsToOrigin = 8
        limits.patience = .seconds(60)
        try await withPool(limits) { pool in
            let greedy = try (0..<20).map { _ in try pool.begin("greedy") }
            try await until { pool.server.requests == 4 }
            let others = try (0..<4).map { try pool.begin("user-\($0)") }
            try await until { pool.server.requests == 8 }
            pool.server.answer()
            for call in greedy + others { #expect(await call.end == "200") }
            #expect(pool.server.mostOpen == 8)
        }
    }

    @Test func `who has waited long enough is told that there are too many`() async throws {
        var limits = UpstreamLimits()
        limits.connectionsToOrigin = 2
        limits.patience = .milliseconds(100)
        try await withPool(limits) { pool in
            let first = try pool.begin("one")
            try await until { pool.server.requests == 1 }
            #expect(await (try pool.begin("one")).end == "tooManyConnections")
            pool.server.answer()
            #expect(await first.end == "200")
            #expect(await (try pool.begin("one")).end == "200")
        }
    }

    @Test func `one that cannot be made takes up no room`() async throws {
        var limits = UpstreamLimits()
        limits.connectionsToOrigin = 2
        limits.connections = 2
        try await withPool(limits) { pool in
            let port = try await pool.closedPort()
            let calls = try (0..<20).map { try pool.begin("user-\($0)", port: port) }
            for call in calls { #expect(await call.end == "unreachable") }
            pool.server.answer()
            #expect(await (try pool.begin("one")).end == "200")
        }
    }

    @Test func `a name that is not answered has a deadline, and is asked for once`() async throws {
        var limits = UpstreamLimits()
        limits.connecting = .milliseconds(300)
        let names = StuckResolver()
        try await withPool(limits, names) { pool in
            let calls = try (0..<5).map { try pool.begin("user-\($0)", host: "localhost") }
            for call in calls { #expect(await call.end == "connectTimeout") }
            #expect(names.questions == 1)
            names.answer()
            pool.server.answer()
            try await until { await (try pool.begin("one", host: "localhost")).end == "200" }
        }
    }

    @Test func `a wait that is given up ends at once, whatever it is for`() async throws {
        var limits = UpstreamLimits()
        limits.connectionsToOrigin = 2
        limits.connecting = .seconds(60)
        limits.patience = .seconds(60)
        let names = StuckResolver()
        try await withPool(limits, names) { pool in
            let looking = try pool.begin("one", host: "localhost")
            try await until { names.questions == 1 }
            await looking.leave()
            #expect(await looking.end == "cancelled")
            // The name is still being looked up, and takes up no room.
            let calls = try (0..<2).map { try pool.begin("user-\($0)", host: "localhost") }
            names.answer()
            try await until { pool.server.requests == 2 }
            let inLine = try pool.begin("three", host: "localhost")
            await inLine.leave()
            #expect(await inLine.end == "cancelled")
            pool.server.answer()
            for call in calls { #expect(await call.end == "200") }
            #expect(pool.server.requests == 2)
        }
    }
}

/// Answers that every name is this machine, once it is told to.
private final class StuckResolver: HostResolver {
    private let gate = Gate()
    private let count = Mutex(0)

    var questions: Int { count.withLock { $0 } }

    func answer() { gate.open() }

    func resolve(_ host: String, port: Int) async throws -> [SocketAddress] {
        count.withLock { $0 += 1 }
        await gate.pass()
        return [try SocketAddress(ipAddress: "127.0.0.1", port: port)]
    }
}

/// A pool on one loop, and a provider for it.
private struct Pool: Sendable {
    let group: any EventLoopGroup
    let client: PooledUpstreamClient
    let server: HeldServer
    let port: Int

    func begin(_ user: String, host: String = "127.0.0.1", port: Int? = nil) throws -> Call {
        let entry = "providers: [{id: held, base_url: 'http://\(host):\(port ?? self.port)/v1'}]"
        let catalogue = try ProviderCatalogue.load(operatorFile: entry, allowLoopback: true)
        let provider = try catalogue.provider(named: "held")
        let destination = try Destination(
            baseURL: try provider.baseURL(fields: [:]), provider: provider, fields: [:], policy: KeyPolicy())
        return Call(client, destination, try UserID(user), on: group.next())
    }

    /// A port that was somebody's a moment ago.
    func closedPort() async throws -> Int {
        let server = HeldServer(group: group)
        defer { server.answer() }
        let port = try await server.start()
        await server.stop()
        return port
    }
}

private func withPool(
    _ limits: UpstreamLimits, _ resolver: any HostResolver = SystemHostResolver(),
    _ body: (Pool) async throws -> Void
) async throws {
    let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    let client = try PooledUpstreamClient(
        group: group, resolver: AddressResolver(resolver: resolver), limits: limits)
    let server = HeldServer(group: group)
    let pool = Pool(group: group, client: client, server: server, port: try await server.start())
    do { try await body(pool) } catch {
        server.answer()
        throw error
    }
    await client.close()
    await server.stop()
    try await group.shutdownGracefully()
}

/// One call, and how it ends.
private final class Call: Sendable {
    private let loop: any EventLoop
    private let wait: NIOLoopBoundBox<(any UpstreamWait)?>
    private let task: Task<String, Never>

    init(_ client: PooledUpstreamClient, _ destination: Destination, _ user: UserID, on loop: any EventLoop) {
        let wait = NIOLoopBoundBox<(any UpstreamWait)?>.makeEmptyBox(
            valueType: (any UpstreamWait).self, eventLoop: loop)
        self.loop = loop
        self.wait = wait
        task = Task(executorPreference: EventLoopExecutor(loop: loop)) {
            let answer = loop.makePromise(of: String.self)
            let receiver = Receiver(wait: wait, answer: answer)
            let head = HTTPRequestHead(version: .http1_1, method: .GET, uri: "/v1", headers: ["host": "held"])
            do {
                let call = try await client.call(
                    head, to: destination, of: user, receiver: receiver, on: loop, isFresh: false)
                call.end()
            } catch {
                answer.succeed(error is CancellationError ? "cancelled" : "\(error)")
            }
            return (try? await answer.futureResult.get()) ?? ""
        }
    }

    var end: String { get async { await task.value } }

    /// The caller goes away.
    func leave() async {
        let wait = wait
        _ = try? await loop.submit { wait.value?.cancel() }.get()
    }
}

private final class Receiver: UpstreamReceiver {
    private let wait: NIOLoopBoundBox<(any UpstreamWait)?>
    private let answer: EventLoopPromise<String>
    private var status = ""

    init(wait: NIOLoopBoundBox<(any UpstreamWait)?>, answer: EventLoopPromise<String>) {
        self.wait = wait
        self.answer = answer
    }

    func upstreamWaits(_ wait: any UpstreamWait) { self.wait.value = wait }
    func upstreamHead(_ head: HTTPResponseHead) { status = "\(head.status.code)" }
    func upstreamBody(_ bytes: ByteBuffer) {}
    func upstreamReadComplete() {}
    func upstreamEnd() { answer.succeed(status) }
    func upstreamFailed(_ failure: UpstreamFailure) { answer.succeed("\(failure)") }
    func upstreamWritabilityChanged() {}
}

/// Polls, for a minute at the most: others run at the same time.
private func until(_ condition: () async throws -> Bool) async throws {
    let deadline = ContinuousClock.now + .seconds(60)
    while try await !condition() {
        try #require(ContinuousClock.now < deadline, "it did not happen")
        try await Task.sleep(for: .milliseconds(5))
    }
}
