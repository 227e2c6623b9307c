/// A member of a request that matters, by its name.
struct MemberName {
    enum Kind { case model, stream, streamOptions, includeUsage, dataSources, mostOutput, answers, configuration }

    let kind: Kind
    /// Not only the same letters, but all of them small: some parsers take `Model` for `model`, others do not.
    let isExact: Bool

    private static let longest = 24

    /// - Parameter range: between the quotes.
    /// - Returns: nil for all others.
    init?(_ bytes: UnsafeRawBufferPointer, _ range: Range<Int>) {
        let written = UnsafeRawBufferPointer(rebasing: bytes[range])
        // An escape takes six bytes for one of the name's.
        guard written.count <= Self.longest * 6 else { return nil }
        guard written.contains(UInt8(ascii: "\\")) else {
            self.init(decoded: written)
            return
        }
        guard let decoded = ModelName.decoded(written), let name = decoded.withUnsafeBytes({ Self(decoded: $0) })
        else { return nil }
        self = name
    }

    private init?(decoded name: UnsafeRawBufferPointer) {
        guard let kind = Self.kind(of: name) else { return nil }
        self.kind = kind
        isExact = !name.contains { $0 >= 0x41 && $0 <= 0x5a }
    }

    private static func kind(of name: UnsafeRawBufferPointer) -> Kind? {
        switch name.count {
        case 1: name.isLike("n") ? .answers : nil
        case 5: name.isLike("model") ? .model : nil
        case 6: name.isLike("stream") ? .stream : nil
        case 9: name.isLike("maxTokens") ? .mostOutput : nil
        case 10: name.isLike("max_tokens") ? .mostOutput : nil
        case 12: name.isLike("data_sources") ? .dataSources : nil
        case 13: name.isLike("include_usage") ? .includeUsage : nil
        case 14:
            name.isLike("stream_options")
                ? .streamOptions
                : name.isLike("candidateCount") ? .answers : nil
        case 15:
            name.isLike("candidate_count")
                ? .answers
                : name.isLike("maxOutputTokens") ? .mostOutput : name.isLike("inferenceConfig") ? .configuration : nil
        case 16: name.isLike("generationConfig") ? .configuration : nil
        case 17:
            name.isLike("max_output_tokens") ? .mostOutput : name.isLike("generation_config") ? .configuration : nil
        case 21: name.isLike("max_completion_tokens") ? .mostOutput : nil
        default: nil
        }
    }
}

extension UnsafeRawBufferPointer {
    /// Whether these bytes spell `text`, capital letters taken for small ones.
    fileprivate func isLike(_ text: StaticString) -> Bool {
        guard count == text.utf8CodeUnitCount else { return false }
        for index in indices where Self.small(self[index]) != Self.small(text.utf8Start[index]) { return false }
        return true
    }

    private static func small(_ byte: UInt8) -> UInt8 { byte >= 0x41 && byte <= 0x5a ? byte | 0x20 : byte }
}
