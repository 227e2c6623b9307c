package import LatchkeyCore

/// Finds the provider that another system's name means: `OpenAI`, `azure_openai`, `google`.
package struct ProviderNames: Sendable {
    private let catalogue: ProviderCatalogue
    private let given: [String: ProviderID]
    private let loose: [String: ProviderID]

    /// Names in wide use that no spelling rule leads to.
    package static let aliases = ["google": "gemini", "claude": "anthropic", "azure": "azure-openai"]

    /// - Parameter given: the operator's own mapping, from the other system's name to an id of the catalogue.
    /// - Throws: `unknown_provider` when it maps to a provider that the catalogue does not have.
    package init(catalogue: ProviderCatalogue, given: [String: String] = [:]) throws(LatchkeyError) {
        self.catalogue = catalogue
        var mapped: [String: ProviderID] = [:]
        for (name, target) in given {
            guard let id = ProviderID(target), catalogue[id] != nil else {
                throw LatchkeyError(
                    .unknownProvider, "--provider-map leads to a provider that is not in the catalogue",
                    hint: "write OLD=NEW with NEW from the catalogue; LATCHKEY_PROVIDERS_FILE adds providers")
            }
            mapped[Self.fold(name)] = id
        }
        self.given = mapped
        var loose: [String: ProviderID] = [:]
        // Ids before display names before aliases: what comes first stays.
        for provider in catalogue.providers { loose[Self.fold(provider.id.text)] = provider.id }
        for provider in catalogue.providers where loose[Self.fold(provider.name)] == nil {
            loose[Self.fold(provider.name)] = provider.id
        }
        for (name, target) in Self.aliases where loose[name] == nil {
            if let id = ProviderID(target), catalogue[id] != nil { loose[name] = id }
        }
        self.loose = loose
    }

    /// - Returns: nil when nothing in the catalogue is meant.
    package func provider(_ name: String) -> ProviderID? {
        if let id = ProviderID(name), given[Self.fold(name)] == nil, catalogue[id] != nil { return id }
        let folded = Self.fold(name)
        guard !folded.isEmpty else { return nil }
        return given[folded] ?? loose[folded]
    }

    /// - Throws: `ImportRefusal` that says how to map it.
    package func known(_ name: String) throws(ImportRefusal) -> ProviderID {
        guard let id = provider(name) else {
            throw .refused("the provider is not in the catalogue; --provider-map NAME=ID says which one is meant")
        }
        return id
    }

    /// Letters and digits in lower case: systems differ in the rest.
    private static func fold(_ name: String) -> String {
        String(decoding: name.lowercased().utf8.filter { isLetterOrDigit($0) }, as: UTF8.self)
    }

    private static func isLetterOrDigit(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte)
            || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
    }
}
