/// What the provider sends back with the browser (RFC 6749, sections 4.1.2 and 4.1.2.1; RFC 9207): the browser's text,
/// until `state` is found to be the one that was sent.
struct AuthorizationResponse: Sendable {
    let state: [UInt8]
    let issuer: [UInt8]?
    /// The code, or why there is none.
    let outcome: Result<[UInt8], OIDCFailure>

    private static let names: Set<String> = ["code", "state", "iss", "error"]
    /// The longest code, in bytes.
    private static let longestCode = 4096

    /// - Throws: `invalid_response` for a query that is not one: something is there twice, or missing, or both a code and an
    ///   error are there.
    init(query: some StringProtocol) throws(OIDCFailure) {
        guard let values = FormText.decode(query, known: Self.names) else {
            throw OIDCFailure(.invalidResponse, "the answer's query is not readable, or says something twice")
        }
        guard let state = values["state"], (1...256).contains(state.count) else {
            throw OIDCFailure(.invalidResponse, "the answer has no state")
        }
        self.state = state
        issuer = values["iss"]
        switch (values["code"], values["error"]) {
        case (let code?, nil) where Self.isCode(code): outcome = .success(code)
        case (nil, let error?): outcome = .failure(Self.failure(error))
        default: throw OIDCFailure(.invalidResponse, "the answer has neither a code nor an error, or both")
        }
    }

    /// Visible ASCII (RFC 6749, appendix A.11).
    private static func isCode(_ code: [UInt8]) -> Bool {
        (1...longestCode).contains(code.count) && code.allSatisfy { (0x20...0x7E).contains($0) }
    }

    private static func failure(_ error: [UInt8]) -> OIDCFailure {
        let word = OIDCFailure.plainWord(error)
        switch word {
        case "access_denied": return OIDCFailure(.accessDenied, "the provider answered access_denied")
        case "temporarily_unavailable", "server_error":
            return OIDCFailure(.providerUnavailable, "the provider answered \(word)")
        default: return OIDCFailure(.providerRefused, "the provider answered \(word)")
        }
    }
}
