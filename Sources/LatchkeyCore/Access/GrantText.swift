/// The lists of a grant as the texts of their columns: words, sorted by bytes, one space between. One list has one text.
enum GrantText {
    /// The most words in one list.
    static let mostWords = 100
    /// The longest name of a model, as in a usage event.
    static let longestModel = 128

    static func text(_ scopes: Set<AccessGrant.Scope>) -> String { joined(scopes.map(\.rawValue)) }
    static func text(_ providers: [ProviderID]) -> String { joined(providers.map(\.text)) }
    static func text(_ models: [String]) -> String { joined(models) }
    static func text(_ networks: [Network]) -> String { joined(networks.map(\.text)) }
    static func text(_ limits: [UsageLimit]) -> String {
        joined(limits.map { "\($0.metric.rawValue)/\($0.period.rawValue)=\($0.amount)" })
    }

    /// Without the scopes there is nothing to grant: an empty list is none.
    static func scopes(_ text: String) -> Set<AccessGrant.Scope>? {
        guard let scopes = each(text, { AccessGrant.Scope(rawValue: $0) }), !scopes.isEmpty else { return nil }
        return Set(scopes)
    }

    static func providers(_ text: String) -> [ProviderID]? { each(text) { ProviderID($0) } }
    static func models(_ text: String) -> [String]? { each(text) { isModel($0) ? $0 : nil } }
    static func networks(_ text: String) -> [Network]? { each(text) { Network(parsing: $0.utf8) } }
    static func limits(_ text: String) -> [UsageLimit]? { each(text, limit) }

    /// Visible ASCII; a star may be its last character and means every name that begins so.
    static func isModel(_ text: String) -> Bool {
        (1...longestModel).contains(text.utf8.count) && text.utf8.allSatisfy { (0x21...0x7E).contains($0) }
            && !text.utf8.dropLast().contains(UInt8(ascii: "*"))
    }

    private static func limit(_ text: String) -> UsageLimit? {
        let halves = text.split(separator: "=", omittingEmptySubsequences: false)
        guard halves.count == 2, let amount = Int64(halves[1]), amount >= 0,
            "\(amount)".utf8.elementsEqual(halves[1].utf8)
        else { return nil }
        let names = halves[0].split(separator: "/", omittingEmptySubsequences: false)
        guard names.count == 2, let metric = UsageLimit.Metric(rawValue: String(names[0])),
            let period = UsageLimit.Period(rawValue: String(names[1]))
        else { return nil }
        return UsageLimit(metric, per: period, amount: amount)
    }

    private static func joined(_ words: [String]) -> String {
        words.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }.joined(separator: " ")
    }

    private static func each<Element>(_ text: String, _ read: (String) -> Element?) -> [Element]? {
        guard !text.isEmpty else { return [] }
        let words = text.split(separator: " ", maxSplits: mostWords, omittingEmptySubsequences: false)
        guard words.count <= mostWords else { return nil }
        var elements: [Element] = []
        for word in words {
            guard let element = read(String(word)) else { return nil }
            elements.append(element)
        }
        return elements
    }
}
