/// What calls cost: the price list in the binary, with the operator's own laid over it.
package struct PriceTable: Pricing {
    private let models: [String: [String: PricedModel]]

    /// - Parameters:
    ///   - operatorFile: a list in the form of ours. What it says of a model replaces all that ours says of it.
    ///   - providers: the ids of the catalogue, which may be vendors too.
    /// - Throws: `configuration`, with the number of the line that is wrong.
    package static func load(operatorFile: [UInt8]?, providers: [ProviderID]) throws(LatchkeyError) -> PriceTable {
        var list = try PriceList(PriceFile(PackageResources.prices_csv, source: "the built-in price list"))
        if let operatorFile {
            let file = try PriceFile(operatorFile, source: "the prices file")
            let known = Set(list.models.keys).union(providers.map(\.text))
            for row in file.rows where !known.contains(row.vendor) {
                throw file.wrong(row.line, "the vendor \(row.vendor) is neither one of ours nor a provider's id")
            }
            list.override(with: try PriceList(file))
        }
        return PriceTable(models: list.models)
    }

    /// Where the prices of a provider's models stand: its own name first.
    private static func vendors(of provider: ProviderID) -> [String] {
        switch provider.text {
        // Sells OpenAI's models under their names, at OpenAI's prices.
        case "azure-openai": [provider.text, "openai"]
        case "bedrock": [provider.text, "amazon"]
        case "gemini": [provider.text, "google"]
        case "moonshot": [provider.text, "moonshot-ai"]
        default: [provider.text]
        }
    }

    /// Names that are used and not listed, for what is listed under another one.
    private static let otherNames: [String: [String: String]] = [
        "anthropic": [
            "claude-haiku-4-5": "claude-4-5-haiku", "claude-opus-4-0": "claude-opus-4",
            "claude-sonnet-4": "claude-sonnet-4-5", "claude-sonnet-4-0": "claude-sonnet-4-5",
        ],
        "openai": ["o1": "o1-preview"],
    ]

    /// The prices that a model's name leads to, or nil.
    package func prices(of model: String, at provider: ProviderID) -> PricedModel? {
        guard model.utf8.count <= 256 else { return nil }
        let candidates = ModelName.candidates(Self.bare(ModelName.normal(model), at: provider))
        for vendor in Self.vendors(of: provider) {
            guard let models = models[vendor] else { continue }
            for name in candidates {
                if let found = models[name] ?? Self.otherNames[vendor]?[name].flatMap({ models[$0] }) { return found }
            }
        }
        return nil
    }

    /// Without what a provider puts in front of a model's name.
    private static func bare(_ model: String, at provider: ProviderID) -> String {
        switch provider.text {
        case "gemini" where model.utf8.starts(with: "models/".utf8): String(model.utf8.dropFirst(7)) ?? model
        // `us.amazon.nova-lite-v1:0` is a model by way of several regions.
        case "bedrock":
            model.utf8.firstRange(of: "amazon-".utf8).map { String(model[$0.lowerBound...]) } ?? model
        default: model
        }
    }

    /// Micro-dollars; nil when no price of the model is known for that day.
    package func cost(of tokens: TokenCounts, provider: ProviderID, model: String?, at time: Timestamp) -> Int64? {
        guard let model, let priced = prices(of: model, at: provider) else { return nil }
        return priced.price(input: tokens.input ?? tokens.cachedInput ?? 0, at: time)?.cost(of: tokens)
    }

    /// Every model with a price, by vendor and name.
    package var all: [PricedModel] {
        models.sorted { $0.key < $1.key }.flatMap { vendor in
            vendor.value.sorted { $0.key < $1.key }.map(\.value)
        }
    }
}
