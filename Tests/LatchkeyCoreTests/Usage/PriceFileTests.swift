import LatchkeyCore
import Testing

@testable import LatchkeyCore

/// The operator's list, and what is said when it is wrong.
struct PriceFileTests {
    private static let now = Timestamp(parsing: "2026-08-15T12:00:00Z") ?? Timestamp(microseconds: 0)

    private func load(_ lines: String..., header: String = PriceRow.header) throws -> PriceTable {
        let text = ([header] + lines).joined(separator: "\n")
        return try PriceTable.load(
            operatorFile: Array(text.utf8),
            providers: [#require(ProviderID("acme")), #require(ProviderID("azure-openai"))])
    }

    private func cost(_ table: PriceTable, _ provider: String, _ model: String, input: Int64 = 1_000_000) -> Int64? {
        ProviderID(provider).flatMap {
            table.cost(of: TokenCounts(input: input), provider: $0, model: model, at: Self.now)
        }
    }

    @Test func `what the operator says of a model replaces all that we say of it`() throws {
        let ours = try PriceTable.load(operatorFile: nil, providers: [])
        let table = try load(
            "openai,gpt-4o,Negotiated,1.5,6,,,", "anthropic,claude-sonnet-4-5,Flat,2,10,,,",
            "acme,house-1,Own,0.1,0.1,,,")
        #expect(cost(ours, "openai", "gpt-4o") == 2_500_000)
        #expect(cost(table, "openai", "gpt-4o-2024-08-06") == 1_500_000)
        #expect(cost(table, "openai", "gpt-4o-mini") == cost(ours, "openai", "gpt-4o-mini"))
        #expect(cost(table, "acme", "house-1") == 100_000)
        // Ours costs more above 200,000 tokens; a flat price does not.
        #expect(cost(ours, "anthropic", "claude-sonnet-4-5") == 6_000_000)
        #expect(cost(table, "anthropic", "claude-sonnet-4-5") == 2_000_000)
    }

    @Test func `a provider's own prices go before those of whom it sells`() throws {
        let table = try load("azure-openai,gpt-4o,EU,2.75,11,,,", header: "# ours\n\n" + PriceRow.header)
        #expect(cost(table, "azure-openai", "gpt-4o") == 2_750_000)
        #expect(cost(table, "azure-openai", "gpt-4o-mini") == 150_000)
        #expect(cost(table, "openai", "gpt-4o") == 2_500_000)
    }

    @Test func `long input needs its mark in the name`() throws {
        let table = try load(
            "acme,moonshot-v1,Small,1,1,,,", "acme,moonshot-v1-128k,A model of this name,2,2,,,",
            "acme,big,Big ≤200k,1,1,,,", "acme,big-200k,Big >200k,3,3,,,")
        #expect(cost(table, "acme", "moonshot-v1", input: 1_000_000) == 1_000_000)
        #expect(cost(table, "acme", "moonshot-v1-128k") == 2_000_000)
        #expect(cost(table, "acme", "big", input: 200_000) == 200_000)
        #expect(cost(table, "acme", "big", input: 1_000_000) == 3_000_000)
        #expect(cost(table, "acme", "big-200k") == nil)
    }

    @Test func `quotes, comments, line ends and a byte order mark`() throws {
        let text =
            "\u{FEFF}\(PriceRow.header)\r\n# negotiated\r\n\r\nacme,\"m-1\",\"One, \"\"the\"\" first\",1,2,,,\r\n"
        let table = try PriceTable.load(operatorFile: Array(text.utf8), providers: [#require(ProviderID("acme"))])
        #expect(table.prices(of: "m-1", at: try #require(ProviderID("acme")))?.rows.first?.name == "One, \"the\" first")
    }

    static let mistakes: [(line: String, says: String)] = [
        ("acme,m,M,1,2,,", "7 cells"), ("acme,m,M,1,2,,,,", "9 cells"), ("Acme,m,M,1,2,,,", "vendor"),
        (",m,M,1,2,,,", "vendor"), ("nobody,m,M,1,2,,,", "nobody"), ("acme,,M,1,2,,,", "model"),
        ("acme,a b,M,1,2,,,", "model"), ("acme,é,M,1,2,,,", "model"), ("acme,m,M,,2,,,", "usd_per_million_input"),
        ("acme,m,M,1,x,,,", "usd_per_million_output"), ("acme,m,M,1,2,-1,,", "usd_per_million_cached_input"),
        ("acme,m,M,1,1000001,,,", "usd_per_million_output"), ("acme,m,M,0.0000001,1,,,", "usd_per_million_input"),
        ("acme,m,M,1,2,,2026-02-30,", "from_date"), ("acme,m,M,1,2,,,01.02.2026", "to_date"),
        ("acme,m,M,1,2,,2026-08-01,2026-08-01", "to_date is not after"), ("acme,\"m,M,1,2,,,", "quoted"),
        ("acme,\"m\"x,M,1,2,,,", "quoted"), ("acme,m\",M,1,2,,,", "quote"),
        ("acme,m-200k,M >200k,1,2,,,", "above 200000"),
        ("acme,twice,M,2,2,,,", "line 2"), ("acme,TWICE,M,1,2,,2026-01-01,", "line 2"),
    ]

    @Test(arguments: mistakes)
    func `a mistake is named with its line`(line: String, says: String) throws {
        let error = #expect(throws: LatchkeyError.self) { _ = try load("acme,twice,M,1,1,,,", "# a comment", line) }
        #expect(error?.code == .configuration)
        #expect(error?.reason.contains("the prices file, line 4: ") == true, "\(error?.reason ?? "")")
        #expect(error?.reason.contains(says) == true, "\(error?.reason ?? "")")
    }

    @Test(arguments: ["", "\n\n", "vendor,model", "# only a comment", "vendor;model;name"])
    func `a file without our first line is refused`(text: String) {
        #expect(throws: LatchkeyError.self) {
            _ = try PriceTable.load(operatorFile: Array(text.utf8), providers: [])
        }
    }

    @Test func `two prices one after the other are no contradiction`() throws {
        let table = try load("acme,m,M,1,1,,,2026-08-01", "acme,m,M,2,2,,2026-08-01,")
        #expect(cost(table, "acme", "m") == 2_000_000)
    }

    @Test func `no bytes make it trap`() {
        var generator = SystemRandomNumberGenerator()
        let alphabet = Array("acme,m\"\n\r#0.1-é2026\u{FEFF}".utf8)
        for _ in 0..<1000 {
            var bytes = Array((PriceRow.header + "\n").utf8)
            for _ in 0..<Int.random(in: 0...60) {
                bytes.append(Bool.random() ? alphabet.randomElement(using: &generator) ?? 0 : .random(in: 0...255))
            }
            _ = try? PriceTable.load(operatorFile: bytes, providers: [])
        }
    }
}
