/// In whose form a provider's answers say what a call has used.
package enum UsageShape: String, Sendable, CaseIterable {
    /// `usage` with `prompt_tokens` and `completion_tokens`, or with `input_tokens` and `output_tokens`; in a stream only
    /// for who asks with `stream_options.include_usage`.
    case openai
    /// The same, told in every stream, from a provider that refuses `stream_options.include_usage`.
    case openaiUnasked = "openai_unasked"
    /// `usage` whose `input_tokens` leave out what was read from the cache and written to it.
    case anthropic
    /// `usageMetadata`, as it stands so far in each part of a stream.
    case gemini
    /// `usage` or `meta` with `tokens` and `billed_units`.
    case cohere
    /// Nothing that can be counted in tokens.
    case none
}
