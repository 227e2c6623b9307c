package import LatchkeyCore
package import LatchkeyCrypto
import Logging

/// Signing in with an OpenID Connect provider: the authorization code flow with PKCE (OpenID Connect Core, section 3.1;
/// RFC 7636; RFC 9207).
package struct OIDCSignIn: Sendable {
    package let rules: OIDCRules
    private let provider: OIDCProvider
    private let exchange: CodeExchange
    private let sealing: AttemptSealing
    private let clock: WallClock
    /// Codes that are shown to the provider at once: whoever calls the callback does not decide how often we call.
    private let exchanges = ConcurrencyLimiter(limit: 16)

    /// Where the provider sends the browser back to, below our own origin.
    package static let callback = "/ui/oidc/callback"
    package static let start = "/ui/oidc/start"

    /// - Parameters:
    ///   - keyring: what attempts are sealed under.
    ///   - seconds: monotonic.
    package init(
        rules: OIDCRules, transport: any OIDCTransport, keyring: RootKeyring, clock: WallClock,
        seconds: @escaping @Sendable () -> UInt64 = monotonicSeconds
    ) {
        self.rules = rules
        self.clock = clock
        provider = OIDCProvider(issuer: rules.issuer, transport: transport, now: seconds)
        exchange = CodeExchange(rules: rules, transport: transport)
        sealing = AttemptSealing(keyring: keyring, rules: rules, clock: clock)
    }

    /// Where the browser goes now, and what it keeps meanwhile.
    struct Begun: Sendable {
        let location: String
        let cookie: [UInt8]
    }

    /// - Throws: `OIDCFailure`; what the root throws.
    func begin(next: PagePath, origin: String) async throws -> Begun {
        let metadata = try await provider.known().metadata
        let attempt = SignInAttempt.begin(redirectURI: origin + Self.callback, next: next)
        return Begun(
            location: Self.location(attempt, rules, metadata.authorizationEndpoint),
            cookie: try await sealing.seal(attempt))
    }

    /// Who has signed in, and where they want to go.
    struct Ended: Sendable {
        let identity: VerifiedIdentity
        let next: PagePath
    }

    /// - Parameter cookie: what the browser kept; nil for none.
    /// - Throws: `OIDCFailure`; what the root throws.
    func end(_ response: AuthorizationResponse, cookie: [UInt8]?) async throws -> Ended {
        guard let cookie, let attempt = try await sealing.open(cookie) else {
            throw OIDCFailure(.signInExpired, "there is no sign-in under way in this browser")
        }
        // Before anything else is read: until this holds, the answer may be anybody's.
        guard GrantKey.constantTimeEquals(response.state, attempt.state) else {
            throw OIDCFailure(.stateMismatch, "the answer belongs to another sign-in")
        }
        let known = try await provider.known()
        try check(response.issuer, known.metadata)
        let code = try response.outcome.get()
        let tokens = try await redeem(code, attempt, known.metadata)
        let identity = try await identity(tokens, attempt, known)
        return Ended(identity: identity, next: attempt.next)
    }

    /// An answer that one provider gave, shown to us as if another had (RFC 9207, section 2.4).
    private func check(_ issuer: [UInt8]?, _ metadata: OIDCMetadata) throws(OIDCFailure) {
        guard let issuer else {
            guard !metadata.namesIssuer else {
                throw OIDCFailure(.issuerMismatch, "the answer names no issuer, and this provider's do")
            }
            return
        }
        guard issuer.elementsEqual(rules.issuer.utf8) else {
            throw OIDCFailure(.issuerMismatch, "the answer is of another issuer")
        }
    }

    private func redeem(
        _ code: [UInt8], _ attempt: SignInAttempt, _ metadata: OIDCMetadata
    ) async throws -> CodeExchange.Tokens {
        let exchange = exchange
        return try await exchanges.run { try await exchange.redeem(code, of: attempt, at: metadata) }
    }

    private func identity(
        _ tokens: CodeExchange.Tokens, _ attempt: SignInAttempt, _ known: OIDCProvider.Known
    ) async throws -> VerifiedIdentity {
        let verifier = IDTokenVerifier(rules: rules)
        let occasion = IDTokenVerifier.Occasion(
            nonce: attempt.nonce, accessToken: tokens.accessToken, now: clock.now().unixSeconds)
        do {
            return try verifier.verify(tokens.idToken, keys: known.keys, occasion: occasion)
        } catch is IDTokenVerifier.UnknownKey {
            let renewed = try await provider.known(after: known)
            do {
                return try verifier.verify(tokens.idToken, keys: renewed.keys, occasion: occasion)
            } catch is IDTokenVerifier.UnknownKey {
                throw OIDCFailure(
                    .idTokenRefused, "the ID token is signed with a key that the provider does not publish")
            }
        }
    }

    /// The authentication request (OpenID Connect Core, section 3.1.2.1).
    static func location(_ attempt: SignInAttempt, _ rules: OIDCRules, _ endpoint: OIDCAddress) -> String {
        let query = FormText.encode([
            ("response_type", "code"), ("client_id", rules.clientID), ("redirect_uri", attempt.redirectURI),
            ("scope", rules.scopes.joined(separator: " ")), ("state", String(decoding: attempt.state, as: UTF8.self)),
            ("nonce", String(decoding: attempt.nonce, as: UTF8.self)), ("code_challenge", attempt.challenge),
            ("code_challenge_method", "S256"),
        ])
        return "\(endpoint.text)\(endpoint.hasQuery ? "&" : "?")\(query)"
    }
}
