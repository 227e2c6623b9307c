import Fernet
import LatchkeyCore
import LatchkeyCrypto

/// The token request (OpenID Connect Core, section 3.1.3): a code and PKCE's secret against an ID token.
struct CodeExchange: Sendable {
    let rules: OIDCRules
    let transport: any OIDCTransport

    struct Tokens: Sendable {
        let idToken: [UInt8]
        /// Used for one thing: `at_hash` is compared with it.
        let accessToken: [UInt8]?
    }

    static let largestAnswer = 256 * 1024

    /// - Throws: `provider_refused` for a code that is not good, whatever the provider calls it; `provider_unavailable`;
    ///   `provider_unusable`.
    func redeem(
        _ code: [UInt8], of attempt: SignInAttempt, at metadata: OIDCMetadata
    ) async throws(OIDCFailure) -> Tokens {
        let answer = try await transport.send(try request(code, attempt, metadata))
        let parsed = try? StrictJSON.parse(answer.body)
        guard answer.status == 200 else { throw Self.refusal(answer.status, parsed) }
        guard case .object(let members)? = parsed else {
            throw OIDCFailure(.providerUnusable, "the token endpoint's answer is no JSON object")
        }
        guard case .string(let type)? = members["token_type"], type.string.lowercased() == "bearer" else {
            throw OIDCFailure(.providerUnusable, "the token endpoint's answer has another token type than Bearer")
        }
        guard case .string(let idToken)? = members["id_token"] else {
            throw OIDCFailure(.providerUnusable, "the token endpoint's answer has no ID token")
        }
        let accessToken: [UInt8]? = if case .string(let text)? = members["access_token"] { text.bytes } else { nil }
        return Tokens(idToken: idToken.bytes, accessToken: accessToken)
    }

    func request(
        _ code: [UInt8], _ attempt: SignInAttempt, _ metadata: OIDCMetadata
    ) throws(OIDCFailure) -> OIDCRequest {
        var form = [
            ("grant_type", "authorization_code"), ("code", String(decoding: code, as: UTF8.self)),
            ("redirect_uri", attempt.redirectURI), ("code_verifier", String(decoding: attempt.verifier, as: UTF8.self)),
        ]
        var request = OIDCRequest(address: metadata.tokenEndpoint, limit: Self.largestAnswer)
        if let secret = rules.clientSecret {
            let text = secret.secret.withUnsafeBytes { String(decoding: $0, as: UTF8.self) }
            switch metadata.clientAuthentication {
            case .basic: request.authorization = "Basic \(basic(text))"
            case .post: form += [("client_id", rules.clientID), ("client_secret", text)]
            case nil:
                throw OIDCFailure(
                    .providerUnusable, "the provider takes a client's secret neither as client_secret_basic nor _post")
            }
        } else {
            form.append(("client_id", rules.clientID))
        }
        request.form = FormText.encode(form.map { (name: $0.0, value: $0.1) })
        return request
    }

    /// Both parts are form-encoded first (RFC 6749, section 2.3.1), or a colon in one would end it.
    private func basic(_ secret: String) -> String {
        Base64Text.encode(Array("\(FormText.encode(rules.clientID)):\(FormText.encode(secret))".utf8))
    }

    private static func refusal(_ status: Int, _ parsed: JSONValue?) -> OIDCFailure {
        guard status < 500, status != 429 else {
            return OIDCFailure(.providerUnavailable, "the token endpoint answered \(status)")
        }
        var word = "no error code"
        if case .object(let members)? = parsed, case .string(let error)? = members["error"] {
            word = OIDCFailure.plainWord(error.bytes)
        }
        return OIDCFailure(.providerRefused, "the token endpoint answered \(status) with \(word)")
    }
}

/// The base64 of RFC 4648, section 4: what `Basic` wants, and nothing else here does.
enum Base64Text {
    static func encode(_ bytes: [UInt8]) -> String {
        let text = Base64URL.encode(bytes, padded: true).map { byte in
            switch byte {
            case UInt8(ascii: "-"): UInt8(ascii: "+")
            case UInt8(ascii: "_"): UInt8(ascii: "/")
            default: byte
            }
        }
        return String(decoding: text, as: UTF8.self)
    }
}
