/// One call to a provider: whose, with which key, what it used and what that cost. Never a body, a URL or a key.
package struct UsageEvent: Sendable, Equatable {
    /// Where it is known from.
    package enum Origin: String, Sendable {
        /// It went through the gateway.
        case gateway
        /// The app called the provider itself and told us.
        case reported
    }

    /// 1 to 64 of `A-Z a-z 0-9 . _ -`, unique for its user: the same event told twice counts once.
    package var id: String
    /// When the call began.
    package var at: Timestamp
    package var origin: Origin
    package var user: UserID
    package var provider: ProviderID
    package var keyName: KeyName
    /// Whose key served: `user`, `global`, `environment`; nil where it is not known.
    package var source: String?
    /// The access token that was shown, if one was.
    package var tokenID: String?
    /// In OpenTelemetry's words: `chat`, `embeddings`, `generate_content`, `text_completion`; nil for anything else.
    package var operation: String?
    /// As the provider answered it, else as it was asked for; at most 128 bytes.
    package var model: String?
    package var tokens: TokenCounts
    /// Micro-dollars; nil when the price of the model is not known.
    package var cost: Int64?
    /// The provider's HTTP status; nil when it never answered.
    package var status: Int?
    /// Microseconds from the call's beginning to its end, and to the first byte of the answer's body.
    package var duration: Int64?
    package var firstByte: Int64?
    package var isStreamed: Bool
    /// The counts are a guess made before the call: its end was not seen.
    package var isEstimated: Bool
    package var requestID: String?

    package init(
        id: String, at: Timestamp, origin: Origin, user: UserID, provider: ProviderID, keyName: KeyName = .default,
        source: String? = nil, tokenID: String? = nil, operation: String? = nil, model: String? = nil,
        tokens: TokenCounts = TokenCounts(), cost: Int64? = nil, status: Int? = nil, duration: Int64? = nil,
        firstByte: Int64? = nil, isStreamed: Bool = false, isEstimated: Bool = false, requestID: String? = nil
    ) {
        self.id = id
        self.at = at
        self.origin = origin
        self.user = user
        self.provider = provider
        self.keyName = keyName
        self.source = source
        self.tokenID = tokenID
        self.operation = operation
        self.model = model
        self.tokens = tokens
        self.cost = cost
        self.status = status
        self.duration = duration
        self.firstByte = firstByte
        self.isStreamed = isStreamed
        self.isEstimated = isEstimated
        self.requestID = requestID
    }
}
