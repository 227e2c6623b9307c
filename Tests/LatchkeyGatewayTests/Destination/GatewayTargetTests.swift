import LatchkeyCore
import LatchkeyGateway
import Testing

struct GatewayTargetTests {
    @Test(
        arguments: [
            ("/gateway/openai/chat/completions", "openai", "/chat/completions", nil),
            ("/gateway/openai/models?limit=2&after=a%2Fb", "openai", "/models", "limit=2&after=a%2Fb"),
            (
                "/gateway/gemini/v1beta/models/g-1:streamGenerateContent?alt=sse", "gemini",
                "/v1beta/models/g-1:streamGenerateContent", "alt=sse"
            ),
            ("/gateway/openai/files/a%20b/?", "openai", "/files/a%20b/", ""),
            ("/gateway/openai", "openai", "/", nil), ("/gateway/openai?a=b", "openai", "/", "a=b"),
            (
                "/gateway/openai/x?include[]=a&q=https://b/../@c&page_token=k&keys=1&monkey=2&tokens=3", "openai", "/x",
                "include[]=a&q=https://b/../@c&page_token=k&keys=1&monkey=2&tokens=3"
            ),
        ] as [(String, String, String, String?)])
    func `a target is passed on as sent`(target: String, provider: String, path: String, query: String?) throws {
        let seen = try GatewayTarget(target)
        #expect(seen.provider.text == provider)
        #expect(Array(seen.path.utf8) == Array(path.utf8))
        #expect(seen.query.map { Array($0.utf8) } == query.map { Array($0.utf8) })
    }

    @Test(arguments: [
        "", "/", "*", "gateway/openai/x", "/gateway", "/gatewayx/openai/x", "/Gateway/openai/x", "//gateway/openai/x",
        "http://127.0.0.1/gateway/openai/x", "https://evil.example/gateway/openai/x", "evil.example:443",
        "/gateway//openai/x", "/gateway/openai//x", "/gateway/openai//evil.example/x", "/gateway/openai/x//",
        "/gateway/openai/./x", "/gateway/openai/../x", "/gateway/../openai/x", "/gateway/openai/x/..",
        "/gateway/openai/x/.", "/gateway/openai/..;/x", "/gateway/openai/.;a=b/x", "/gateway/openai/..%3b/x",
        "/gateway/openai/..%20/x", "/gateway/openai/...", "/gateway/openai/%2e%2e/x", "/gateway/openai/%2E%2E/x",
        "/gateway/openai/.%2e/x", "/gateway/openai/%2e./x", "/gateway/openai/%252e%252e/x", "/gateway/openai/%25",
        "/gateway/openai/%25252e/x", "/gateway/openai/..%2fx", "/gateway/openai/%2fevil.example", "/gateway/openai%2fx",
        "/gateway/openai/..%5cx", "/gateway/openai/..\\x", "/gateway/openai\\x", "/gateway/openai/@evil.example/x",
        "/gateway/openai@evil.example/x", "/gateway/openai/x#y", "/gateway/openai/x?a#y", "/gateway/openai/x?a\\b",
        "/gateway/openai/a b", "/gateway/openai/a\tb", "/gateway/openai/a\r\nHost: evil", "/gateway/openai/a\0",
        "/gateway/openai/a\u{7F}", "/gateway/openai/%00", "/gateway/openai/%0d%0aHost:evil", "/gateway/openai/%1f",
        "/gateway/openai/%7F", "/gateway/openai/%", "/gateway/openai/%2", "/gateway/openai/%zz", "/gateway/openai/x%2",
        "/gateway/openai/%u002e", "/gateway/openai/caf\u{e9}", "/gateway/openai/\u{FF0E}\u{FF0E}/x",
        "/gateway/openai/\u{2024}\u{2024}/x", "/gateway/openai/%c0%ae%c0%ae/x", "/gateway/openai/%ef%bc%8e/x",
        "/gateway/openai/x?a=%0d%0aHost:evil", "/gateway/openai/x?a=%", "/gateway/openai/x?a=%zz",
        "/gateway/openai/x?a b", "/gateway/openai/x?caf\u{e9}", "/gateway/openai/x?a=\u{1}", "/gateway/openai/[::1]/x",
        "/gateway/openai/{x}", "/gateway/openai/<x>", "/gateway/openai/x|y",
        "/gateway/openai/" + String(repeating: "a", count: 4096),
    ])
    func `a target that could be read as another is refused`(target: String) async {
        #expect(await code { try GatewayTarget(target) } == .unsafePath)
    }

    @Test func `the length has an end, and the last byte before it is usable`() async throws {
        let longest = "/gateway/openai/" + String(repeating: "a", count: GatewayTarget.maximumBytes - 16)
        #expect(try GatewayTarget(longest).path.utf8.count == GatewayTarget.maximumBytes - 15)
        #expect(await code { try GatewayTarget(longest + "a") } == .unsafePath)
        #expect(
            await code { try GatewayTarget("/gateway/openai/x?" + String(repeating: "a", count: 4096)) } == .unsafePath)
    }

    @Test(arguments: [
        "/gateway/open%61i/x", "/gateway/openai/chat/%63ompletions", "/gateway/openai/%44eployments/x/y",
        "/gateway/openai/a%7Eb", "/gateway/openai/a%2Db", "/gateway/openai/a%5Fb", "/gateway/openai/chat/completions;x",
        "/gateway/openai/a;b=c/d", "/gateway/openai/a%3Bb",
    ])
    func `another spelling of a path is refused`(target: String) async {
        #expect(await code { try GatewayTarget(target) } == .unsafePath)
    }

    @Test(arguments: ["/gateway/", "/gateway/?x", "/gateway/OpenAI/x", "/gateway/open_ai/x"])
    func `what can be no provider's id is not there`(target: String) async {
        let seen = await code { try GatewayTarget(target) }
        #expect(seen == .unknownProviderPath)
        #expect(seen?.status == 404)
    }

    @Test(arguments: [
        "key=K", "KEY=K", "a=b&key=K", "a=b;key=K", "api_key=K", "api-key=K", "apikey=K", "ApiKey=K", "access_token=K",
        "token=K", "ToKeN=K", "%6bey=K", "k%65y=K", "%4B%45%59=K", "api%5Fkey=K", "api%2dkey=K", "key%20=K", "+key=K",
        "key[]=K", "key%5B%5D=K", "key", "key=", "&&key=K", "key=a&key=K", "x-goog-api-key=K", "authorization=K",
    ])
    func `a credential in the query is refused, whatever its name is dressed in`(query: String) async {
        let error = await failure("/gateway/gemini/v1/models?" + query)
        #expect(error?.code == .credentialInURL)
        #expect(error?.hint?.contains("header") == true)
        #expect(error.map { !"\($0)".contains("K") } == true)
    }

    private func failure(_ target: String) async -> LatchkeyError? {
        do {
            _ = try GatewayTarget(target)
            return nil
        } catch {
            return error
        }
    }
}
