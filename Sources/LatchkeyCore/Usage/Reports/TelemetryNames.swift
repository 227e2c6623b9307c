/// OpenTelemetry's names for what generative models are asked (semantic conventions, `gen_ai.*`), and the older ones that
/// instrumentations still write.
package enum TelemetryNames {
    package static let provider = ["gen_ai.provider.name", "gen_ai.system"]
    package static let operation = ["gen_ai.operation.name"]
    /// What answered goes before what was asked for.
    package static let model = ["gen_ai.response.model", "gen_ai.request.model"]
    package static let input = ["gen_ai.usage.input_tokens", "gen_ai.usage.prompt_tokens"]
    package static let output = ["gen_ai.usage.output_tokens", "gen_ai.usage.completion_tokens"]
    package static let cachedInput = ["gen_ai.usage.cache_read.input_tokens"]
    package static let status = ["http.response.status_code"]

    /// The well-known values of `gen_ai.provider.name` and `gen_ai.system` that are not the ids of our catalogue.
    private static let providers: [String: String] = [
        "aws.bedrock": "bedrock", "azure.ai.inference": "azure-openai", "azure.ai.openai": "azure-openai",
        "az.ai.inference": "azure-openai", "az.ai.openai": "azure-openai", "gcp.gemini": "gemini",
        "gcp.gen_ai": "gemini", "gcp.vertex_ai": "gemini", "google": "gemini", "vertex_ai": "gemini",
        "mistral_ai": "mistral", "moonshot_ai": "moonshot", "x_ai": "xai",
    ]

    /// The provider that a value of `gen_ai.provider.name` means: one of the catalogue by its id, else a well-known one.
    package static func provider(_ name: String, in catalogue: ProviderCatalogue) -> ProviderID? {
        [name, providers[name], name.replacing("_", with: "-")].lazy
            .compactMap { $0.flatMap { ProviderID($0) } }.first { catalogue[$0] != nil }
    }
}
