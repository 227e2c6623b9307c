/// Why a sign-in did not come about: a stable code for the page, and a sentence for the log.
///
/// The sentence holds nothing that a provider, a token or a query said, but for plain words that are judged first.
package struct OIDCFailure: Error, Sendable, Equatable {
    /// What `/ui/sign-in#error=…` says. Codes are added, never renamed.
    package enum Code: String, Sendable, CaseIterable {
        /// The person, or the provider for them, said no.
        case accessDenied = "access_denied"
        /// There is no sign-in under way in this browser: never begun, too old, or ended already.
        case signInExpired = "sign_in_expired"
        /// The answer belongs to another sign-in than the one that is under way in this browser.
        case stateMismatch = "state_mismatch"
        /// The answer, or what the provider publishes, names another issuer.
        case issuerMismatch = "issuer_mismatch"
        /// The provider cannot be reached, or is in trouble.
        case providerUnavailable = "provider_unavailable"
        /// The provider answered with an error.
        case providerRefused = "provider_refused"
        /// What the provider answered or publishes cannot be used.
        case providerUnusable = "provider_unusable"
        /// The ID token does not hold.
        case idTokenRefused = "id_token_refused"
        /// The ID token holds, and names no user that can be one here.
        case userNotUsable = "user_not_usable"
        /// This service does not know under which address it is reached.
        case publicURLMissing = "public_url_missing"
        /// The answer is not of the form of one.
        case invalidResponse = "invalid_response"
        /// The service itself cannot begin a session now.
        case serviceUnavailable = "service_unavailable"
    }

    package let code: Code
    package let reason: String

    init(_ code: Code, _ reason: String) {
        self.code = code
        self.reason = reason
    }

    /// A word out of a provider's answer that may stand in the log: an OAuth error code is one (RFC 6749, section 5.2).
    static func plainWord(_ bytes: [UInt8]) -> String {
        let isPlain =
            (1...48).contains(bytes.count)
            && bytes.allSatisfy { (UInt8(ascii: "a")...UInt8(ascii: "z")).contains($0) || $0 == UInt8(ascii: "_") }
        return isPlain ? String(decoding: bytes, as: UTF8.self) : "an error of another form"
    }
}
