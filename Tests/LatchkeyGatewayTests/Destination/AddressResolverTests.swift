import LatchkeyCore
import LatchkeyGateway
import NIOCore
import Synchronization
import Testing

/// A resolver that answers as told and counts the questions.
private final class ScriptedResolver: HostResolver {
    private let answers: Mutex<[[String]?]>
    private let count = Mutex(0)

    /// One list per question, the last one again and again; nil: the name leads nowhere.
    init(_ answers: [String]?...) { self.answers = Mutex(answers) }

    var questions: Int { count.withLock { $0 } }

    func resolve(_ host: String, port: Int) async throws -> [SocketAddress] {
        count.withLock { $0 += 1 }
        let answer = answers.withLock { $0.count > 1 ? $0.removeFirst() : $0[0] }
        guard let answer else { throw LatchkeyError(.internalError, "scripted") }
        // A port of its own, to see that it is not believed.
        return try answer.map { try SocketAddress(ipAddress: $0, port: 1) }
    }
}

struct AddressResolverTests {
    private let custom: Destination
    private let catalogues: Destination
    private let plain: Destination

    init() throws {
        let fixture = try DestinationFixture()
        custom = try fixture.destination(baseURL: "https://allowed.example/v1", allowed: ["allowed.example"])
        catalogues = try fixture.destination("odd")
        plain = try fixture.destination("acme")
    }

    private func addresses(_ destination: Destination, _ resolver: ScriptedResolver) async throws -> [String] {
        try await AddressResolver(resolver: resolver).addresses(for: destination)
            .map { "\($0.ipAddress ?? "") \($0.port ?? 0)" }
    }

    @Test func `a custom name is looked up once, and what was judged is what is dialled`() async throws {
        let resolver = ScriptedResolver(["8.8.8.8", "2606:4700::1111", "8.8.8.8"], ["127.0.0.1"])
        #expect(try await addresses(custom, resolver) == ["8.8.8.8 443", "2606:4700::1111 443"])
        #expect(resolver.questions == 1)
        #expect(await code { try await addresses(custom, resolver) } == .destinationRefused)
    }

    @Test(arguments: [
        "127.0.0.1", "0.0.0.0", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.100.100.200",
        "168.63.129.16", "224.0.0.1", "255.255.255.255", "::", "::1", "::ffff:127.0.0.1", "::ffff:169.254.169.254",
        "::127.0.0.1", "64:ff9b::10.0.0.1", "64:ff9b:1::1", "2002:7f00:1::", "2001:0:1::1", "fc00::1", "fd00:ec2::254",
        "fe80::1", "fec0::1", "ff02::1", "2001:db8::1", "100::1",
    ])
    func `one address that is not public refuses the whole name`(address: String) async {
        for answer in [
            [address], ["8.8.8.8", address], [address, "8.8.8.8"], ["2606:4700::1111", address, "8.8.8.8"],
        ] {
            #expect(await code { try await addresses(custom, ScriptedResolver(answer)) } == .destinationRefused)
        }
    }

    @Test func `a name that leads nowhere is told apart from one that leads inside by nobody`() async {
        var seen: Set<String> = []
        for answer in [nil, [], ["10.0.0.1"], ["8.8.8.8", "127.0.0.1"]] as [[String]?] {
            do { _ = try await addresses(custom, ScriptedResolver(answer)) } catch {
                let error = error as? LatchkeyError
                seen.insert("\(error?.code.rawValue ?? "") \(error?.reason ?? "") \(error?.hint ?? "")")
            }
        }
        #expect(seen.count == 1)
    }

    @Test func `the catalogue's host may lie inside the house, plain http only on this machine`() async throws {
        #expect(try await addresses(catalogues, ScriptedResolver(["10.0.0.1"])) == ["10.0.0.1 8443"])
        #expect(await code { try await addresses(catalogues, ScriptedResolver(nil)) } == .upstreamUnreachable)
        var named = plain
        named.host = "localhost"
        #expect(try await addresses(named, ScriptedResolver(["127.0.0.1", "::1"])) == ["127.0.0.1 9", "::1 9"])
        #expect(await code { try await addresses(named, ScriptedResolver(["8.8.8.8"])) } == .destinationRefused)
        #expect(
            await code { try await addresses(named, ScriptedResolver(["127.0.0.1", "10.0.0.1"])) }
                == .destinationRefused)
    }

    @Test func `a number is dialled without a question, and judged like the rest`() async throws {
        let resolver = ScriptedResolver(["10.0.0.1"])
        #expect(try await addresses(plain, resolver) == ["127.0.0.1 9"])
        var literal = custom
        literal.host = "8.8.4.4"
        #expect(try await addresses(literal, resolver) == ["8.8.4.4 443"])
        literal.host = "169.254.169.254"
        #expect(await code { try await addresses(literal, resolver) } == .destinationRefused)
        #expect(resolver.questions == 0)
    }

    @Test func `the system's resolver knows this machine, and nothing of a name that cannot be`() async throws {
        let found = try await SystemHostResolver().resolve("localhost", port: 8080)
        #expect(!found.isEmpty)
        for address in found {
            #expect(address.networkAddress.map(AddressPolicy.isLoopback) == true)
            #expect(address.port == 8080)
        }
        await #expect(throws: (any Error).self) { try await SystemHostResolver().resolve("nowhere.invalid", port: 1) }
    }
}
