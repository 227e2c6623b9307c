/// What a provider says a call has used, in tokens. nil where it said nothing.
package struct TokenCounts: Sendable, Equatable {
    /// All of the input, what came from a cache included.
    package var input: Int64?
    package var output: Int64?
    /// The part of the input that the provider read from its cache, and bills at a lower price.
    package var cachedInput: Int64?

    package init(input: Int64? = nil, output: Int64? = nil, cachedInput: Int64? = nil) {
        self.input = input
        self.output = output
        self.cachedInput = cachedInput
    }

    package var isEmpty: Bool { input == nil && output == nil && cachedInput == nil }
}
