package import LatchkeyCrypto

/// Keys from environment variables such as `OPENAI_API_KEY`: the last source, read once at start, never written.
package struct EnvironmentKeys: Sendable {
    private let keys: [ProviderID: SharedSecret]

    package static let none = EnvironmentKeys(keys: [:])

    private init(keys: [ProviderID: SharedSecret]) { self.keys = keys }

    /// - Returns: the keys, and the names of variables whose value cannot be a key (they are left out).
    package static func read(
        _ environment: [String: String], catalogue: ProviderCatalogue
    ) -> (keys: EnvironmentKeys, unusable: [String]) {
        var keys: [ProviderID: SharedSecret] = [:]
        var unusable: [String] = []
        for provider in catalogue.providers where provider.fields.allSatisfy({ !$0.required }) {
            for variable in provider.env {
                guard keys[provider.id] == nil, let value = environment[variable], !value.isEmpty else { continue }
                let bytes = Array(value.utf8)
                do {
                    try KeyFormat.check(bytes)
                    keys[provider.id] = SharedSecret(Secret(copying: bytes))
                } catch {
                    unusable.append(variable)
                }
            }
        }
        return (EnvironmentKeys(keys: keys), unusable)
    }

    package subscript(_ provider: ProviderID) -> SharedSecret? { keys[provider] }

    package var providers: [ProviderID] { keys.keys.sorted { $0.text < $1.text } }
}
