import LatchkeyCore
import LatchkeyTesting
import Testing

/// The catalogue: ours, the operator's over it, and what is refused.
struct CatalogueTests {
    private func load(_ entry: String, loopback: Bool = false) throws -> ProviderCatalogue {
        try ProviderCatalogue.load(operatorFile: "providers:\n  - \(entry)", allowLoopback: loopback)
    }

    private func provider(_ entry: String, _ id: String = "own", loopback: Bool = false) throws -> Provider {
        try load(entry, loopback: loopback).provider(named: id)
    }

    @Test func `the built-in entries load`() throws {
        let catalogue = try ProviderCatalogue.load(operatorFile: nil, allowLoopback: false)
        #expect(catalogue.providers.count >= 25)
        #expect(Set(catalogue.providers.map(\.id)).count == catalogue.providers.count)
        #expect(catalogue.date.count == 10)
        for provider in catalogue.providers {
            #expect(provider.baseURL.hasPrefix("https://"))
            #expect(!provider.baseURL.hasSuffix("/"))
            #expect(provider.probe?.url?.hasPrefix("https://") != false)
            #expect(!provider.docsURL.isEmpty)
        }
    }

    @Test func `an entry of the operator's keeps what it leaves out`() throws {
        let ours = try ProviderCatalogue.load(operatorFile: nil, allowLoopback: false).provider(named: "anthropic")
        let theirs = try provider("{id: anthropic, name: Mine, env: [MY_KEY]}", "anthropic")
        #expect(theirs.name == "Mine")
        #expect(theirs.env == ["MY_KEY"])
        #expect(theirs.baseURL == ours.baseURL)
        #expect(theirs.auth == ours.auth)
        #expect(theirs.headers.map(\.value) == ours.headers.map(\.value))
        #expect(theirs.probe == ours.probe)
        #expect(theirs.rules == ours.rules)
    }

    @Test func `another base URL drops a probe at an address of ours, and keeps a path`() throws {
        #expect(try provider("{id: huggingface, base_url: https://own.example}", "huggingface").probe == nil)
        let own = "{id: huggingface, base_url: https://own.example, probe: {path: /me}}"
        #expect(try provider(own, "huggingface").probe?.path == "/me")
        #expect(try provider("{id: huggingface, name: Mine}", "huggingface").probe?.url != nil)
        #expect(try provider("{id: openai, base_url: https://own.example}", "openai").probe?.path == "/models")
    }

    @Test(arguments: ["http://127.0.0.1:8080/v1", "http://localhost/v1", "http://localhost:1", "http://127.0.0.1"])
    func `plain http to this machine only where it is allowed`(address: String) async throws {
        #expect(try provider("{id: own, base_url: '\(address)'}", loopback: true).baseURL == address)
        let error = await failure { try provider("{id: own, base_url: '\(address)'}") }
        #expect(error?.code == .catalogue)
        #expect(error?.hint?.contains("LATCHKEY_ALLOW_LOOPBACK_PROVIDERS") == true)
    }

    @Test(arguments: [
        "http://own.example", "http://localhost.evil.example", "http://127.0.0.1.evil.example", "http://127.0.0.2",
        "http://0.0.0.0", "http://[::1]", "http://localhost@evil.example", "http://2130706433", "http://LOCALHOST",
        "https://a@evil.example", "https://a:b@evil.example", "https://own.example#x", "https://own.example?x",
        "https://own.example\\x", "https://own.example/a b", "https://own.example/\u{e9}", "https://", "https:///x",
        "ftp://own.example", "own.example", "//own.example", "HTTPS://own.example", "javascript:alert(1)",
        "https://own.example/<x>", "https://own.example/`x`", "https://own.example/|x",
    ])
    func `an address that is refused, whatever is allowed`(address: String) async {
        for loopback in [false, true] {
            for entry in [
                "{id: own, base_url: '\(address)'}",
                "{id: own, base_url: https://own.example, probe: {url: '\(address)'}}",
            ] {
                // A probe's own address may have a query.
                if address.contains("?"), entry.contains("probe") { continue }
                #expect(await code { try load(entry, loopback: loopback) } == .catalogue, "\(entry)")
            }
        }
    }

    @Test(arguments: ["https://:443", "https://:/v1"])
    func `an address without a host is refused`(address: String) async {
        let seen = await code { try load("{id: own, base_url: '\(address)'}") }
        #expect(seen == .catalogue)
    }

    @Test(arguments: [
        "{id: own}", "{id: own, base_url: ''}", "{id: own, base_url: 7}", "{base_url: https://own.example}",
        "{id: Own, base_url: https://own.example}", "text", "{id: own, base_url: https://own.example, extra: 1}",
        "{id: own, base_url: https://own.example, auth: {}}", "{id: own, base_url: https://own.example, auth: Bearer}",
        "{id: own, base_url: https://own.example, auth: {header: 'a b'}}",
        "{id: own, base_url: https://own.example, auth: {header: \"a\\r\\nb\"}}",
        "{id: own, base_url: https://own.example, auth: {header: a, scheme: 'b c'}}",
        "{id: own, base_url: https://own.example, headers: {a: 7}}",
        "{id: own, base_url: https://own.example, headers: {a: \"b\\r\\nc: d\"}}",
        "{id: own, base_url: https://own.example, headers: {'a:': b}}",
        "{id: own, base_url: https://own.example, patterns: ['(']}",
        "{id: own, base_url: https://own.example, patterns: text}",
        "{id: own, base_url: https://own.example, env: [7]}",
        "{id: own, base_url: https://own.example, probe: {}}",
        "{id: own, base_url: https://own.example, probe: {path: x}}",
        "{id: own, base_url: https://own.example, probe: {path: /x, url: 'https://own.example'}}",
        "{id: own, base_url: https://own.example, probe: {path: /x, method: DELETE}}",
        "{id: own, base_url: https://own.example, probe: {path: /x, expect: html}}",
        "{id: own, base_url: https://own.example, verdicts: [{verdict: valid}]}",
        "{id: own, base_url: https://own.example, verdicts: [{status: 99, verdict: valid}]}",
        "{id: own, base_url: https://own.example, verdicts: [{status: 600, verdict: valid}]}",
        "{id: own, base_url: https://own.example, verdicts: [{status: 200, verdict: good}]}",
        "{id: own, base_url: https://own.example, fields: [{label: x}]}",
        "{id: own, base_url: https://own.example, fields: [{name: x, pattern: '('}]}",
        "{id: own, base_url: https://own.example}\n  - {id: own, base_url: https://own.example}",
    ])
    func `an entry that is wrong is refused as a whole`(entry: String) async {
        #expect(await code { try load(entry) } == .catalogue)
    }

    @Test(arguments: ["", "[]", "providers: {}", "providers: 7", "{", "- a", "\0"])
    func `a file that is no catalogue`(text: String) async {
        #expect(await code { try ProviderCatalogue.load(operatorFile: text, allowLoopback: true) } == .catalogue)
    }

    // MARK: Fields in an address

    private static let fielded = """
        {id: own, base_url: 'https://{resource}.own.example', fields: [{name: resource, required: true}, {name: note}]}
        """

    @Test(arguments: [
        "", "a.b", "a/b", "a@b", "a#", "a?", "a\\", "a:1", "-a", "a-", "a b", "a\nb", "é", "a\u{301}", "{note}", "%2e",
        "evil.example/", "ａ", String(repeating: "a", count: 64),
    ])
    func `a field cannot leave its place in the address`(value: String) async throws {
        let provider = try provider(Self.fielded)
        #expect(await code { try provider.baseURL(fields: ["resource": value]) } == .invalidField)
    }

    @Test func `a field of the form fills its place`() async throws {
        let provider = try provider(Self.fielded)
        #expect(try provider.baseURL(fields: ["resource": "My-1"]) == "https://My-1.own.example")
        #expect(
            try provider.baseURL(fields: ["resource": "a", "note": "{resource} / é"]) == "https://a.own.example")
        for fields in [[:], ["note": "x"], ["resource": "a", "other": "b"], ["resource": "a", "note": "a\0"]] {
            #expect(await code { try provider.baseURL(fields: fields) } == .invalidField)
        }
        let long = String(repeating: "a", count: 513)
        #expect(await code { try provider.baseURL(fields: ["resource": "a", "note": long]) } == .invalidField)
    }
}
