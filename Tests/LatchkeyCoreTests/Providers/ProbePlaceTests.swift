import AsyncHTTPClient
import LatchkeyCore
import LatchkeyCrypto
import LatchkeyTesting
import NIOCore
import NIOPosix
import Synchronization
import Testing

/// Leads every name to the addresses a test gives.
private struct FixedResolver: HostResolver {
    let addresses: [String]

    func resolve(_ host: String, port: Int) async throws -> [SocketAddress] {
        try addresses.map { try SocketAddress(ipAddress: $0, port: port) }
    }
}

/// Counts who connects.
private final class ConnectionCounter: ChannelInboundHandler, Sendable {
    typealias InboundIn = ByteBuffer
    private let counted = Mutex(0)

    var count: Int { counted.withLock { $0 } }

    func channelActive(context: ChannelHandlerContext) { counted.withLock { $0 += 1 } }
}

/// Where a key is shown when it is checked.
struct ProbePlaceTests {
    /// Every custom host is an operator's choice, but what its name leads to is not.
    @Test(arguments: [["127.0.0.1"], ["::1"], ["127.0.0.1", "8.8.8.8"], ["8.8.8.8", "127.0.0.1"], []])
    func `a host of the user's that leads inside is not asked`(addresses: [String]) async throws {
        let counter = ConnectionCounter()
        let server = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelInitializer { $0.pipeline.addHandler(counter) }
            .bind(host: "127.0.0.1", port: 0).get()
        let port = try #require(server.localAddress?.port)
        let client = HTTPProbeTransport.makeClient()
        let transport = HTTPProbeTransport(client: client, resolver: FixedResolver(addresses: addresses))
        for host in ["allowed.example", "127.0.0.1", "localhost"] {
            let request = ProbeRequest(
                method: "GET", url: "https://\(host):\(port)/v1/models?a=b", headers: [], body: nil, mustBePublic: true)
            await #expect(throws: ProbeTransportError.network) { try await transport.send(request) }
        }
        #expect(counter.count == 0)
        // The counter counts: the operator's own address may lie inside.
        let own = ProbeRequest(
            method: "GET", url: "https://127.0.0.1:\(port)/v1/models", headers: [], body: nil, mustBePublic: false)
        async let answer = try? transport.send(own)
        while counter.count == 0 { await Task.yield() }
        try await server.close()
        try await client.shutdown()
        #expect(await answer == nil)
    }

    @Test func `the catalogue's own address may lie inside, another may not`() async throws {
        let fixture = try VaultFixture(store: ModelStore())
        for (provider, baseURL, mustBePublic) in [
            ("acme", "http://127.0.0.1:9/v1", false), ("acme", "http://127.0.0.1:9/v2", true),
            ("acme", "https://allowed.example/v1", true), ("azure-openai", "https://mine.openai.azure.com", false),
            ("azure-openai", "https://mine.openai.azure.com.evil.example", true),
            ("azure-openai", "https://evil.example/.openai.azure.com", true),
        ] {
            _ = await fixture.vault.probe.check(
                try fixture.provider(provider), baseURL: baseURL, secret: SharedSecret(text: VaultFixture.key))
            #expect(fixture.transport.requests.last?.mustBePublic == mustBePublic, "\(baseURL)")
        }
    }
}
