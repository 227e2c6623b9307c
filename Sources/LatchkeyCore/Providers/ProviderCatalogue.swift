/// All providers that are known, by id: ours, with the operator's file merged over them.
package struct ProviderCatalogue: Sendable {
    /// When the facts in our own entries were gathered.
    package let date: String
    /// In the order of the file: ours, then what the operator added.
    package let providers: [Provider]
    private let byID: [ProviderID: Provider]

    package init(date: String, providers: [Provider]) {
        self.date = date
        self.providers = providers
        self.byID = Dictionary(providers.map { ($0.id, $0) }, uniquingKeysWith: { $1 })
    }

    package subscript(_ id: ProviderID) -> Provider? { byID[id] }

    /// - Throws: `unknown_provider`, as a bad value in a body.
    package func provider(named text: String) throws(LatchkeyError) -> Provider {
        guard let id = ProviderID(text), let provider = byID[id] else {
            throw LatchkeyError(
                .unknownProvider, "no such provider in the catalogue",
                hint: "GET /api/api-keys/providers lists them; LATCHKEY_PROVIDERS_FILE adds one")
        }
        return provider
    }
}
