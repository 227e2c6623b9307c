import ArgumentParser
import LatchkeyCore

struct PricesCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "prices",
        abstract: "What models cost, and what a call would be charged.",
        discussion: """
            Prices are dollars for a million tokens, from the list in this program and LATCHKEY_PRICES_FILE over it. A model is \
            found by its name, or by a name that goes on with nothing but a date or a version. No database is needed.

              latchkey prices                                          every price there is
              latchkey prices gpt-4o-2024-08-06                        which price a name leads to
              latchkey prices gpt-4o --input 1200 --output 300         what such a call costs
            """)

    @Argument(help: "A model's name, as it is asked for or answered.")
    var model: String?

    @Option(help: "Only at this provider, by its id in the catalogue.")
    var provider: String?

    @Option(help: "Input tokens of a call, those read from a cache included.")
    var input: Int64?

    @Option(help: "Output tokens of a call.")
    var output: Int64?

    @Option(help: "Input tokens read from a cache.")
    var cached: Int64?

    @OptionGroup var common: CommonOptions

    func validate() throws {
        guard model != nil || (provider == nil && input == nil && output == nil && cached == nil) else {
            throw ValidationError("--provider, --input, --output and --cached go with a model")
        }
        guard [input, output, cached].allSatisfy({ ($0 ?? 0) >= 0 }) else {
            throw ValidationError("a number of tokens is not below zero")
        }
    }

    func run() async throws {
        try await reporting {
            let settings = try await common.settings()
            let catalogue = try Node.catalogue(settings)
            let table = try Prices.table(settings, catalogue)
            guard let model else {
                let rows = table.all.flatMap { priced in Self.rows(priced).map { [priced.vendor, priced.model] + $0 } }
                return Self.show(["vendor", "model"], rows)
            }
            let providers = try provider.map { [try catalogue.provider(named: $0)] } ?? catalogue.providers
            let found = providers.compactMap { provider in
                table.prices(of: model, at: provider.id).map { (provider.id, $0) }
            }
            guard !found.isEmpty else {
                throw LatchkeyError(
                    .invalidRequest, "no price is known for this model",
                    hint: "`latchkey prices` lists them; LATCHKEY_PRICES_FILE adds one (docs/usage.md)")
            }
            let tokens = TokenCounts(input: input, output: output, cachedInput: cached)
            guard tokens.isEmpty else { return Self.charge(model, tokens, found.map(\.0), table) }
            Self.show(
                ["provider", "priced as"],
                found.flatMap { (id, priced) in Self.rows(priced).map { [id.text, priced.model] + $0 } })
        }
    }

    private static func charge(_ model: String, _ tokens: TokenCounts, _ providers: [ProviderID], _ table: PriceTable) {
        let now = WallClock.system.now()
        for provider in providers {
            let cost = table.cost(of: tokens, provider: provider, model: model, at: now)
            let text = cost.map { "$\(DollarText.text(micros: $0))  (\($0) micro-dollars)" } ?? "no price today"
            Console.print("\(provider.text)  \(text)")
        }
    }

    private static func show(_ first: [String], _ rows: [[String]]) {
        let header = first + ["input", "output", "cached", "above", "from", "to"]
        for line in TextTable.lines(header, rows, numbers: [2, 3, 4, 5]) { Console.print(line) }
    }

    private static func rows(_ priced: PricedModel) -> [[String]] {
        priced.rows.map { row($0, above: nil) }
            + priced.longContext.flatMap { tier in tier.rows.map { row($0, above: tier.above) } }
    }

    private static func row(_ row: PriceRow, above: Int64?) -> [String] {
        [
            DollarText.text(micros: row.price.input), DollarText.text(micros: row.price.output),
            row.price.cachedInput.map { DollarText.text(micros: $0) } ?? "", above.map { "\($0)" } ?? "",
            row.from?.day ?? "", row.to?.day ?? "",
        ]
    }
}
