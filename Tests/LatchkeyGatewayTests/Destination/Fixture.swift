import HTTPTypes
import LatchkeyCore
import LatchkeyCrypto
import LatchkeyGateway
import LatchkeyTesting

/// The catalogue with a few entries beside it, and what a test makes of it.
struct DestinationFixture {
    let catalogue: ProviderCatalogue

    static let entries = """
        providers:
          - {id: acme, base_url: 'http://127.0.0.1:9/v1'}
          - {id: fielded, base_url: 'https://{resource}.own.example/v1', fields: [{name: resource, required: true}]}
          - {id: odd, base_url: 'https://odd.example:8443', auth: {header: X-Odd-Key, scheme: Odd}}
        """

    /// Read once: hundreds of cases ask for it.
    private static let loaded = Result { try ProviderCatalogue.load(operatorFile: entries, allowLoopback: true) }

    init() throws { catalogue = try Self.loaded.get() }

    func provider(_ id: String) throws -> Provider { try catalogue.provider(named: id) }

    func destination(
        _ id: String = "openai", baseURL: String? = nil, fields: [String: String] = [:], allowed: Set<String> = []
    ) throws -> Destination {
        let provider = try provider(id)
        let own = try baseURL ?? provider.baseURL(fields: fields)
        return try Destination(
            baseURL: own, provider: provider, fields: fields, policy: KeyPolicy(allowedBaseURLHosts: allowed))
    }

    func secret(_ text: String) -> SharedSecret { SharedSecret(text: text) }
}

/// Fields out of pairs; a pair with a name that is none is left out.
func httpFields(_ pairs: [(String, String)]) -> HTTPFields {
    var fields = HTTPFields()
    for (name, value) in pairs {
        if let name = HTTPField.Name(name) { fields.append(HTTPField(name: name, value: value)) }
    }
    return fields
}

/// The code of the error that `body` throws, or nil when it throws none or another kind.
func code<Result>(_ body: () async throws -> Result) async -> ErrorCode? {
    do {
        _ = try await body()
        return nil
    } catch {
        return (error as? LatchkeyError)?.code
    }
}
