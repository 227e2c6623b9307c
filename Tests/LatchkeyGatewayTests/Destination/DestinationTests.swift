import LatchkeyCore
import LatchkeyGateway
import Testing

struct DestinationTests {
    private let fixture: DestinationFixture

    init() throws { fixture = try DestinationFixture() }

    @Test(
        arguments: [
            ("openai", [:], true, "api.openai.com", 443, "/v1", "api.openai.com"),
            ("gemini", [:], true, "generativelanguage.googleapis.com", 443, "", "generativelanguage.googleapis.com"),
            ("acme", [:], false, "127.0.0.1", 9, "/v1", "127.0.0.1:9"),
            ("odd", [:], true, "odd.example", 8443, "", "odd.example:8443"),
            ("fielded", ["resource": "My-1"], true, "my-1.own.example", 443, "/v1", "my-1.own.example"),
        ] as [(String, [String: String], Bool, String, Int, String, String)])
    func `the catalogue's address`(
        id: String, fields: [String: String], isTLS: Bool, host: String, port: Int, basePath: String, authority: String
    ) throws {
        let destination = try fixture.destination(id, fields: fields)
        #expect(destination.isTLS == isTLS)
        #expect(destination.host == host)
        #expect(destination.port == port)
        #expect(destination.basePath == basePath)
        #expect(destination.authority == authority)
        #expect(!destination.isCustom)
        #expect(destination.serverName == (host == "127.0.0.1" ? nil : host))
    }

    @Test func `an address of the user's is custom, and allowed by the operator's list of now`() async throws {
        let url = "https://Allowed.example:443/v1"
        let destination = try fixture.destination(baseURL: url, allowed: ["allowed.example"])
        #expect(destination.isCustom)
        #expect(destination.authority == "allowed.example")
        #expect(destination.basePath == "/v1")
        #expect(await code { try fixture.destination(baseURL: url) } == .destinationRefused)
        #expect(await code { try fixture.destination(baseURL: url, allowed: ["other.example"]) } == .destinationRefused)
    }

    @Test func `a port other than 443 only where the operator's entry names it`() async throws {
        let url = "https://allowed.example:8443/v1"
        #expect(
            try fixture.destination(baseURL: url, allowed: ["allowed.example:8443"]).authority == "allowed.example:8443"
        )
        for list in [["allowed.example"], ["allowed.example:443"], ["allowed.example:844"]] as [Set<String>] {
            #expect(await code { try fixture.destination(baseURL: url, allowed: list) } == .destinationRefused)
        }
        let plain = "https://allowed.example/v1"
        #expect(try fixture.destination(baseURL: plain, allowed: ["allowed.example:443"]).port == 443)
        #expect(
            await code { try fixture.destination(baseURL: plain, allowed: ["allowed.example:8443"]) }
                == .destinationRefused)
    }

    @Test(arguments: [
        "", "https://", "http://allowed.example/v1", "https://evil.example/v1",
        "https://allowed.example@evil.example/v1",
        "https://allowed.example:443@evil.example/v1", "https://allowed.example:/v1", "https://allowed.example:0443/v1",
        "https://allowed.example./v1", "https://allowed.example/v1/../x", "https://allowed.example/%2e%2e/x",
        "https://allowed.example//evil.example", "https://allowed.example?x", "https://allowed.example#x",
        "https://allowed.example\\@evil.example", "HTTPS://allowed.example/v1", "https:allowed.example/v1",
        "https:/allowed.example/v1", "https:///allowed.example/v1", "//allowed.example/v1", "allowed.example",
        "https://\u{FF41}llowed.example/v1", "https://allowed\u{3002}example/v1", "https://allowed.example/\u{e9}",
        "https://{resource}.example/v1", "https://127.0.0.1/v1", "https://2130706433/v1", "https://0x7f.1/v1",
        "https://0177.0.0.1/v1", "https://127.1/v1", "https://[::1]/v1", "https://[::ffff:127.0.0.1]/v1",
        "https://169.254.169.254/latest", "https://api.openai.com.evil.example/v1", "https://api.openai.com:444/v1",
        "http://api.openai.com/v1", "https://api.openai.com/v2",
    ])
    func `whatever stands in a payload, only these two kinds of address`(url: String) async {
        let hosts = [
            "127.0.0.1", "2130706433", "0x7f.1", "0177.0.0.1", "127.1", "[::1]", "169.254.169.254",
            "[::ffff:127.0.0.1]", "allowed.example",
        ]
        #expect(await code { try fixture.destination(baseURL: url, allowed: Set(hosts)) } == .destinationRefused)
    }

    @Test func `fields that do not fit the entry any more`() async {
        for fields in [[:], ["resource": "a.evil.example/"], ["resource": "a", "other": "b"]] {
            let seen = await code {
                try fixture.destination("fielded", baseURL: "https://a.own.example/v1", fields: fields)
            }
            #expect(seen == .destinationRefused)
        }
        let other = await code {
            try fixture.destination("fielded", baseURL: "https://b.own.example/v1", fields: ["resource": "a"])
        }
        #expect(other == .destinationRefused)
    }

    @Test(arguments: [
        ("/v1", "/v1/messages", "/v1/messages"), ("/v1", "/messages", "/v1/messages"), ("/v1", "/v1", "/v1"),
        ("/openai/v1", "/v1/models", "/openai/v1/models"), ("/openai/v1", "/openai/v1/models", "/openai/v1/models"),
        ("/openai/v1", "/models", "/openai/v1/models"), ("/openai/v1", "/openai/models", "/openai/v1/openai/models"),
        ("", "/v1beta/models", "/v1beta/models"), ("", "/", "/"), ("/v1", "/", "/v1/"), ("/v1", "/v1/", "/v1/"),
        ("/v1", "/v1beta/x", "/v1/v1beta/x"), ("/v1", "/v", "/v1/v"), ("/a/a", "/a/x", "/a/a/x"),
        ("/a/a", "/a/a/x", "/a/a/x"), ("/a/b/a", "/a/b", "/a/b/a/b"), ("/v1/openai", "/openai/chat", "/v1/openai/chat"),
        ("/v1", "/V1/x", "/v1/V1/x"), ("/xv1", "/v1/x", "/xv1/v1/x"),
    ])
    func `a path is joined in whole segments`(basePath: String, path: String, target: String) throws {
        var destination = try fixture.destination()
        destination.basePath = basePath
        #expect(destination.requestTarget(path: path, query: nil) == target)
        #expect(destination.requestTarget(path: path, query: "a=b?") == target + "?a=b?")
        #expect(destination.requestTarget(path: path, query: "") == target + "?")
    }

    @Test func `every join lies inside the base path and loses nothing but a repetition`() throws {
        var destination = try fixture.destination()
        let paths = ["", "/a", "/b", "/a/a", "/a/b", "/b/a", "/ab", "/a/b/a", "/a/b/c"]
        for base in paths {
            destination.basePath = base
            for path in paths.map({ $0.isEmpty ? "/" : $0 }) {
                let target = destination.requestTarget(path: path, query: nil)
                #expect(target == base || target.hasPrefix(base + "/"), "\(base) \(path) \(target)")
                #expect(target.hasSuffix(path), "\(base) \(path) \(target)")
                #expect(target.utf8.count <= base.utf8.count + path.utf8.count)
            }
        }
    }
}
