import LatchkeyCore
import LatchkeyTesting
import Testing

/// In whose form each provider tells what was used.
struct UsageShapeTests {
    private func usage(_ entry: String, _ id: String = "own") throws -> UsageShape {
        try ProviderCatalogue.load(operatorFile: "providers:\n  - \(entry)", allowLoopback: false).provider(named: id)
            .usage
    }

    @Test(
        arguments: [
            ("openai", .openai), ("anthropic", .anthropic), ("gemini", .gemini), ("cohere", .cohere),
            ("azure-openai", .openai),
            ("mistral", .openaiUnasked), ("voyage", .openai), ("elevenlabs", .none), ("stability", .none),
        ] as [(String, UsageShape)])
    func `the built-in entries say it`(id: String, shape: UsageShape) throws {
        #expect(try usage("{id: \(id)}", id) == shape)
    }

    @Test func `without a word about it a bearer's provider is taken for one that follows OpenAI`() throws {
        let address = "base_url: https://own.example"
        #expect(try usage("{id: own, \(address)}") == .openai)
        #expect(try usage("{id: own, \(address), auth: {header: Authorization, scheme: Bearer}}") == .openai)
        #expect(try usage("{id: own, \(address), auth: {header: X-Key}}") == .none)
        #expect(try usage("{id: own, \(address), auth: {header: X-Key}, usage: gemini}") == .gemini)
        #expect(try usage("{id: own, \(address), usage: openai_unasked}") == .openaiUnasked)
    }

    @Test(arguments: ["OpenAI", "''", "[openai]", "7", "openaiUnasked"])
    func `a form that is not known is refused`(word: String) async {
        let error = await failure { try usage("{id: own, base_url: https://own.example, usage: \(word)}") }
        #expect(error?.code == .catalogue)
    }
}
