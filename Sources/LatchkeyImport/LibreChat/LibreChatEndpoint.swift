import LatchkeyCore
import LatchkeyCrypto

/// Which of Latchkey's keys an endpoint of LibreChat stands for, and where in its value the key is.
enum LibreChatEndpoint {
    /// LibreChat's own endpoints, in lower case. The assistants have keys of their own beside the plain endpoint's: they
    /// become named keys of the same provider, so that neither takes the other's place.
    static let builtIn: [String: (provider: String, name: String)] = [
        "openai": ("openai", "default"),
        "azureopenai": ("azure-openai", "default"),
        "anthropic": ("anthropic", "default"),
        "google": ("gemini", "default"),
        "bedrock": ("bedrock", "default"),
        "assistants": ("openai", "assistants"),
        "azureassistants": ("azure-openai", "assistants"),
        "gptplugins": ("openai", "gptPlugins"),
    ]

    /// - Throws: `ImportRefusal` when no provider of the catalogue is meant.
    static func reference(
        _ endpoint: String, owner: KeyOwner, providers: ProviderNames
    ) throws(ImportRefusal) -> KeyReference {
        let known = builtIn[endpoint.lowercased()]
        // An operator's mapping of the endpoint's own name comes first; ProviderNames sees to it.
        let id: ProviderID
        if let given = providers.provider(endpoint) {
            id = given
        } else {
            id = try providers.known(known?.provider ?? endpoint)
        }
        guard let name = try? KeyName(known?.name ?? "default") else { throw .refused("its name cannot be used") }
        return KeyReference(owner, id, name)
    }

    /// The members that hold a key, in the order they are looked for.
    private static let keyMembers = ["apiKey", "azureOpenAIApiKey", "GOOGLE_API_KEY", "ANTHROPIC_API_KEY"]

    /// What the opened value says: a bare key, or a JSON object with the key and where it goes.
    static func key(in value: SharedSecret, expiresAt: Timestamp?) throws(ImportRefusal) -> ImportedKey {
        let trimmed = value.trimmed
        guard trimmed.startsLikeObject else { return ImportedKey(key: trimmed, expiresAt: expiresAt) }
        var found = ImportedKey(key: trimmed, expiresAt: expiresAt)
        let object = try object(in: trimmed)
        guard let key = text(keyMembers, in: object) else {
            throw .refused("its value holds no API key (a service account, or access keys, cannot be stored)")
        }
        var inner: JSONObject?
        let secret = SharedSecret(Secret(copying: key.bytes)).trimmed
        if secret.startsLikeObject {
            // Azure's parts are a JSON text inside the member that holds the key elsewhere.
            let parts = try self.object(in: secret)
            guard let key = text(keyMembers, in: parts) else { throw .refused("its value holds no API key") }
            inner = parts
            found.key = SharedSecret(Secret(copying: key.bytes)).trimmed
        } else {
            found.key = secret
        }
        if let url = text(["baseURL"], in: object), !url.bytes.isEmpty { found.baseURL = url.string }
        if let instance = text(["azureOpenAIApiInstanceName"], in: inner ?? object), !instance.bytes.isEmpty {
            found.fields["resource"] = instance.string
        }
        return found
    }

    private static func text(_ names: [String], in object: JSONObject) -> JSONString? {
        for name in names {
            if case .string(let text)? = object[name], !text.bytes.isEmpty { return text }
        }
        return nil
    }

    private static func object(in value: SharedSecret) throws(ImportRefusal) -> JSONObject {
        let parsed: Result<JSONValue, JSONParseError> = value.secret.withUnsafeBytes { bytes in
            do throws(JSONParseError) { return .success(try StrictJSON.parse(bytes)) } catch { return .failure(error) }
        }
        guard case .success(.object(let object)) = parsed else {
            throw .refused("its value begins like JSON and is none")
        }
        return object
    }
}

extension SharedSecret {
    fileprivate var startsLikeObject: Bool { secret.withUnsafeBytes { $0.first == UInt8(ascii: "{") } }
}
