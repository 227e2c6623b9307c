/// A place in an answer that the meter knows: one node for each object it goes into, one for each value it takes.
///
/// Only what lies on a path from the root is here, so that a `usage` in a tool's arguments, in text or in an element of
/// `choices` is never met.
enum UsageNode: UInt8 {
    /// Around the document. Zero, so that the end of an empty stack is this.
    case document
    /// Gemini streams an array of answers to who does not ask for events.
    case list
    case root
    /// `response` of OpenAI's response events, `message` of Anthropic's first event, `delta` of Cohere's last one,
    /// `x_groq` of Groq's.
    case envelope
    case usage
    /// `prompt_tokens_details` and `input_tokens_details`.
    case details
    case usageMetadata
    /// Cohere's, in `usage` or `meta`.
    case meta
    case tokens
    case billedUnits

    // Values.
    case model
    case choices
    case prompt, completion, total, input, output, cacheRead, cacheWrite, cached
    case geminiPrompt, geminiToolPrompt, geminiCandidates, geminiThoughts
    case tokensInput, tokensOutput, billedInput, billedOutput
    case nothing

    var isObject: Bool { rawValue >= Self.root.rawValue && rawValue <= Self.billedUnits.rawValue }
    var isFigure: Bool { rawValue >= Self.prompt.rawValue && rawValue < Self.nothing.rawValue }

    /// What the member called `name` is in an object that is this node.
    func member(_ name: UnsafeRawBufferPointer) -> UsageNode {
        switch self {
        case .root: Self.ofRoot(name)
        case .envelope: Self.ofEnvelope(name)
        case .usage: Self.ofUsage(name)
        case .details: name.is("cached_tokens") ? .cached : .nothing
        case .usageMetadata: Self.ofUsageMetadata(name)
        case .meta: name.is("tokens") ? .tokens : name.is("billed_units") ? .billedUnits : .nothing
        case .tokens:
            name.is("input_tokens") ? .tokensInput : name.is("output_tokens") ? .tokensOutput : .nothing
        case .billedUnits:
            name.is("input_tokens") ? .billedInput : name.is("output_tokens") ? .billedOutput : .nothing
        default: .nothing
        }
    }

    private static func ofRoot(_ name: UnsafeRawBufferPointer) -> UsageNode {
        switch name.count {
        case 4: name.is("meta") ? .meta : .nothing
        case 5: name.is("usage") ? .usage : name.is("model") ? .model : name.is("delta") ? .envelope : .nothing
        case 6: name.is("x_groq") ? .envelope : .nothing
        case 7: name.is("choices") ? .choices : name.is("message") ? .envelope : .nothing
        case 8: name.is("response") ? .envelope : .nothing
        case 12: name.is("modelVersion") ? .model : .nothing
        case 13: name.is("usageMetadata") ? .usageMetadata : .nothing
        default: .nothing
        }
    }

    private static func ofEnvelope(_ name: UnsafeRawBufferPointer) -> UsageNode {
        switch name.count {
        case 4: name.is("meta") ? .meta : .nothing
        case 5: name.is("usage") ? .usage : name.is("model") ? .model : .nothing
        default: .nothing
        }
    }

    /// OpenAI's names and those of who follows it, Anthropic's, Bedrock's. The sets differ enough to be read at once.
    private static func ofUsage(_ name: UnsafeRawBufferPointer) -> UsageNode {
        switch name.count {
        case 6: name.is("tokens") ? .tokens : .nothing
        case 11: name.is("inputTokens") ? .input : .nothing
        case 12:
            name.is("input_tokens")
                ? .input
                : name.is("total_tokens")
                    ? .total
                    : name.is("billed_units") ? .billedUnits : name.is("outputTokens") ? .output : .nothing
        case 13:
            name.is("prompt_tokens")
                ? .prompt
                : name.is("output_tokens") ? .output : name.is("cached_tokens") ? .cached : .nothing
        case 17: name.is("completion_tokens") ? .completion : .nothing
        case 20:
            name.is("input_tokens_details") ? .details : name.is("cacheReadInputTokens") ? .cacheRead : .nothing
        case 21:
            name.is("prompt_tokens_details") ? .details : name.is("cacheWriteInputTokens") ? .cacheWrite : .nothing
        case 23:
            name.is("cache_read_input_tokens") ? .cacheRead : name.is("prompt_cache_hit_tokens") ? .cached : .nothing
        case 27: name.is("cache_creation_input_tokens") ? .cacheWrite : .nothing
        default: .nothing
        }
    }

    private static func ofUsageMetadata(_ name: UnsafeRawBufferPointer) -> UsageNode {
        switch name.count {
        case 16: name.is("promptTokenCount") ? .geminiPrompt : .nothing
        case 18: name.is("thoughtsTokenCount") ? .geminiThoughts : .nothing
        case 20: name.is("candidatesTokenCount") ? .geminiCandidates : .nothing
        case 23:
            name.is("cachedContentTokenCount")
                ? .cached
                : name.is("toolUsePromptTokenCount") ? .geminiToolPrompt : .nothing
        default: .nothing
        }
    }
}

extension UnsafeRawBufferPointer {
    /// Whether these bytes spell `text`.
    @inline(__always)
    func `is`(_ text: StaticString) -> Bool {
        guard count == text.utf8CodeUnitCount, let baseAddress else { return false }
        let other = UnsafeRawPointer(text.utf8Start)
        var offset = 0
        while offset &+ 8 <= count {
            guard
                baseAddress.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
                    == other.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
            else { return false }
            offset &+= 8
        }
        while offset < count {
            guard self[offset] == text.utf8Start[offset] else { return false }
            offset &+= 1
        }
        return true
    }
}
