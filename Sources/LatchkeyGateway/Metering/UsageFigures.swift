import LatchkeyCore

/// The numbers an answer has given so far, under what they were called there. Of one that comes again the last counts.
struct UsageFigures {
    // −1: not told.
    private var prompt: Int64 = -1
    private var completion: Int64 = -1
    private var total: Int64 = -1
    private var input: Int64 = -1
    private var output: Int64 = -1
    private var cacheRead: Int64 = -1
    private var cacheWrite: Int64 = -1
    private var cached: Int64 = -1
    private var geminiPrompt: Int64 = -1
    private var geminiToolPrompt: Int64 = -1
    private var geminiCandidates: Int64 = -1
    private var geminiThoughts: Int64 = -1
    private var tokensInput: Int64 = -1
    private var tokensOutput: Int64 = -1
    private var billedInput: Int64 = -1
    private var billedOutput: Int64 = -1

    /// More than any call can use. What is above is a provider's slip, and is not believed.
    static let most: Int64 = 1_000_000_000_000

    mutating func set(_ node: UsageNode, _ value: Int64) {
        switch node {
        case .prompt: Self.put(value, in: &prompt)
        case .completion: Self.put(value, in: &completion)
        case .total: Self.put(value, in: &total)
        case .input: Self.put(value, in: &input)
        case .output: Self.put(value, in: &output)
        case .cacheRead: Self.put(value, in: &cacheRead)
        case .cacheWrite: Self.put(value, in: &cacheWrite)
        case .cached: Self.put(value, in: &cached)
        case .geminiPrompt: Self.put(value, in: &geminiPrompt)
        case .geminiToolPrompt: Self.put(value, in: &geminiToolPrompt)
        case .geminiCandidates: Self.put(value, in: &geminiCandidates)
        case .geminiThoughts: Self.put(value, in: &geminiThoughts)
        case .tokensInput: Self.put(value, in: &tokensInput)
        case .tokensOutput: Self.put(value, in: &tokensOutput)
        case .billedInput: Self.put(value, in: &billedInput)
        case .billedOutput: Self.put(value, in: &billedOutput)
        default: break
        }
    }

    private static func put(_ value: Int64, in figure: inout Int64) {
        // What was counted once was used: an event that fills its members with zeros takes nothing back.
        if value > 0 || figure < 0 { figure = value }
    }

    var counts: TokenCounts {
        TokenCounts(
            input: inputTokens, output: outputTokens, cachedInput: Self.told(cached) ?? Self.told(cacheRead))
    }

    private var inputTokens: Int64? {
        if let prompt = Self.told(prompt) { return prompt }
        // `input_tokens` beside these two is what went past the cache only.
        if let input = Self.told(input) { return input + max(cacheRead, 0) + max(cacheWrite, 0) }
        if let geminiPrompt = Self.told(geminiPrompt) { return geminiPrompt + max(geminiToolPrompt, 0) }
        if let cohere = Self.told(tokensInput) ?? Self.told(billedInput) { return cohere }
        // Of embeddings, which have no output, some tell the sum only.
        return Self.told(total).map { max($0 - (outputTokens ?? 0), 0) }
    }

    private var outputTokens: Int64? {
        if let output = Self.told(completion) ?? Self.told(output) { return output }
        if geminiCandidates >= 0 || geminiThoughts >= 0 { return max(geminiCandidates, 0) + max(geminiThoughts, 0) }
        return Self.told(tokensOutput) ?? Self.told(billedOutput)
    }

    private static func told(_ figure: Int64) -> Int64? { figure >= 0 ? figure : nil }
}
