/// What tokens cost.
package protocol Pricing: Sendable {
    /// Micro-dollars; nil when the price of the model is not known.
    func cost(of tokens: TokenCounts, provider: ProviderID, model: String?, at time: Timestamp) -> Int64?
}
