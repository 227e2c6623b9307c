import Foundation
import LatchkeyCore
import Testing

@testable import LatchkeyCore

/// Which row a model's name leads to. The questions are made out of the list itself: whatever is added to it is asked too.
struct PriceTableTests {
    private let table: PriceTable
    private static let summer = Timestamp(parsing: "2026-08-15T12:00:00Z") ?? Timestamp(microseconds: 0)

    init() throws { table = try PriceTable.load(operatorFile: nil, providers: []) }

    static let vendorsOfProviders = ["google": "gemini", "amazon": "bedrock", "moonshot-ai": "moonshot"]

    private func provider(_ model: PricedModel) throws -> ProviderID {
        try #require(ProviderID(Self.vendorsOfProviders[model.vendor] ?? model.vendor))
    }

    private func found(_ name: String, at provider: ProviderID) -> String? {
        table.prices(of: name, at: provider)?.model
    }

    @Test func `every model of the list leads to itself, in each of its spellings`() throws {
        #expect(table.all.count > 100)
        for model in table.all {
            let provider = try provider(model)
            let spellings = [
                model.model, model.model.uppercased(), model.model.replacing(".", with: "-"),
            ]
            for name in spellings { #expect(found(name, at: provider) == model.model, "\(name)") }
        }
    }

    @Test(arguments: [
        "-2024-08-06", "-20250929", "-0613", "-2411", "-250115", "-latest", "-preview", "-001", "-v1", "-v1:0",
        "@20250929", ":latest", "-preview-05-06", "-preview-09-2025", "-2024-08-06-preview", "-v2-20260101",
    ])
    func `an edition of a model costs what the model costs`(suffix: String) throws {
        let listed = Set(table.all.map { ModelName.normal($0.model) })
        for model in table.all where !listed.contains(ModelName.normal(model.model + suffix)) {
            #expect(found(model.model + suffix, at: try provider(model)) == model.model, "\(model.model)\(suffix)")
        }
    }

    /// `gpt-4o-mini` is no `gpt-4o`, `o1-pro` no `o1`, `claude-opus-4-9` no `claude-opus-4`.
    @Test(arguments: [
        "-mini", "-pro", "-nano", "-turbo", "-lite", "-fast", "-2", "-10", "-9-20270101", ".9", "-audio-preview",
        "-preview-tts", "-chat-latest", "x", "2", "-", "--", "-v", "-vx", "-32k", "-128k", "-1000", "-2024-13-06",
        ":free",
        "-image", "-20251301", "-latest-", "-999", "-thinking", "-preview-native-audio", "/latest", " latest",
    ])
    func `another model that begins with its name does not`(suffix: String) throws {
        for model in table.all {
            let name = found(model.model + suffix, at: try provider(model))
            let isListed = name.map { ModelName.normal($0) == ModelName.normal(model.model + suffix) } ?? true
            #expect(isListed, "\(model.model)\(suffix) is priced as \(name ?? "")")
        }
    }

    @Test(arguments: [
        ("openai", "gpt-4o-2024-08-06", "gpt-4o"), ("openai", "gpt-4o-mini-2024-07-18", "gpt-4o-mini"),
        ("openai", "o1-2024-12-17", "o1-preview"), ("openai", "o1-pro-2025-03-19", "o1-pro"),
        ("openai", "gpt-4.1-2025-04-14", "gpt-4.1"), ("openai", "gpt-5-2025-08-07", "gpt-5"),
        ("openai", "gpt-5.2-2025-12-11", "gpt-5.2"), ("azure-openai", "gpt-4o-2024-11-20", "gpt-4o"),
        ("anthropic", "claude-sonnet-4-5-20250929", "claude-sonnet-4.5"),
        ("anthropic", "claude-sonnet-4-20250514", "claude-sonnet-4.5"),
        ("anthropic", "claude-haiku-4-5-20251001", "claude-4.5-haiku"),
        ("anthropic", "claude-opus-4-1-20250805", "claude-opus-4-1"),
        ("anthropic", "claude-opus-4-20250514", "claude-opus-4"),
        ("anthropic", "claude-3-5-sonnet-20241022", "claude-3.5-sonnet"),
        ("anthropic", "claude-3-5-haiku-latest", "claude-3.5-haiku"),
        ("gemini", "models/gemini-2.5-flash", "gemini-2.5-flash"),
        ("gemini", "gemini-2.0-flash-001", "gemini-2.0-flash"),
        ("gemini", "gemini-2.5-pro-preview-06-05", "gemini-2.5-pro"), ("xai", "grok-4-0709", "grok-4"),
        ("bedrock", "us.amazon.nova-lite-v1:0", "amazon-nova-lite"),
        ("bedrock", "arn:aws:bedrock:us-east-1::foundation-model/amazon.nova-pro-v1:0", "amazon-nova-pro"),
        ("moonshot", "kimi-k2-0905-preview", "kimi-k2-0905-preview"),
    ])
    func `names as providers answer them`(provider: String, asked: String, listed: String) throws {
        #expect(found(asked, at: try #require(ProviderID(provider))) == listed)
    }

    @Test(arguments: [
        ("openai", "gpt-4-1106-preview"), ("openai", "gpt-4"), ("openai", "gpt-5-codex"), ("openai", ""),
        ("openai", "ft:gpt-4o-mini-2024-07-18:org::id"), ("openai", "gpt-4o-realtime-preview"),
        ("openai", "gpt-5.4-272k"), ("openai", "claude-opus-4-1"), ("anthropic", "gpt-4o"),
        ("anthropic", "claude-opus-4-9"), ("anthropic", "claude-sonnet-4-6"), ("groq", "gpt-4o"),
        ("openrouter", "openai/gpt-4o"), ("azure-openai", "my-deployment"), ("xai", "grok-4-fast-non-reasoning"),
        ("bedrock", "anthropic.claude-sonnet-4-5-20250929-v1:0"), ("gemini", "gemini-2.5-flash-preview-tts"),
        ("minimax", "minimax-m2.5"), ("unheard-of", "gpt-4o"), ("gemini", "models/"), ("bedrock", "amazon."),
    ])
    func `names that no price is known for`(provider: String, asked: String) throws {
        #expect(found(asked, at: try #require(ProviderID(provider))) == nil)
    }

    @Test func `long input costs more from the first token beyond the border on`() throws {
        let models = table.all.filter { !$0.longContext.isEmpty }
        #expect(models.count > 15)
        for model in models {
            let border = try #require(model.longContext.last?.above)
            let below = try #require(model.price(input: border, at: Self.summer))
            let above = try #require(model.price(input: border + 1, at: Self.summer))
            #expect(above != below, "\(model.model)")
            #expect(above.input >= below.input && above.output >= below.output, "\(model.model)")
        }
    }

    @Test func `a price holds from its first day until its last has ended`() throws {
        let anthropic = try #require(ProviderID("anthropic"))
        let change = try #require(Timestamp(parsing: "2026-09-01T00:00:00Z"))
        let before = Timestamp(microseconds: change.microseconds - 1)
        let tokens = TokenCounts(input: 1_000_000, output: 0)
        #expect(table.cost(of: tokens, provider: anthropic, model: "claude-sonnet-5", at: before) == 2_000_000)
        #expect(table.cost(of: tokens, provider: anthropic, model: "claude-sonnet-5", at: change) == 3_000_000)
    }

    @Test func `every model has one price today`() throws {
        for model in table.all {
            #expect(model.rows.filter { $0.holds(at: Self.summer) }.map(\.price).count >= 1, "\(model.model)")
            #expect(Set(model.rows.filter { $0.holds(at: Self.summer) }.map(\.price)).count == 1, "\(model.model)")
        }
    }

    @Test func `an unknown model costs nil and a known one without tokens nothing`() throws {
        let openai = try #require(ProviderID("openai"))
        let tokens = TokenCounts(input: 10, output: 10)
        #expect(table.cost(of: tokens, provider: openai, model: nil, at: Self.summer) == nil)
        #expect(table.cost(of: tokens, provider: openai, model: "unknown", at: Self.summer) == nil)
        #expect(table.cost(of: TokenCounts(), provider: openai, model: "gpt-4o", at: Self.summer) == 0)
    }

    @Test func `no name is too long or too odd`() throws {
        let openai = try #require(ProviderID("openai"))
        for name in [String(repeating: "gpt-4o-", count: 50_000), "\u{0}", "é-2024-08-06", "----", "-latest", "@", ":"]
        {
            #expect(found(name, at: openai) == nil)
        }
    }
}
