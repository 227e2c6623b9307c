import LatchkeyCore
import LatchkeyCrypto

/// What a provider says of itself (OpenID Connect Discovery 1.0, section 3), as far as it is used here.
struct OIDCMetadata: Sendable {
    /// How a client with a secret shows it at the token endpoint (OpenID Connect Core, section 9).
    enum ClientAuthentication: Sendable, Equatable { case basic, post }

    let authorizationEndpoint: OIDCAddress
    let tokenEndpoint: OIDCAddress
    let keysAddress: OIDCAddress
    /// nil: none of those that are known here.
    let clientAuthentication: ClientAuthentication?
    /// Of what is signed with a key pair, what the provider signs ID tokens with and we verify.
    let algorithms: [String]
    /// Whether its answers name the issuer (RFC 9207); one that does not is refused then.
    let namesIssuer: Bool

    /// What ID tokens may be signed with. No HMAC: the client secret would have to be kept where it can be used, and a
    /// public key can be mistaken for a secret. `none` is no signature.
    static let allowedAlgorithms = [
        "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA",
    ]

    /// `ISSUER/.well-known/openid-configuration`, a slash at the issuer's end left away (section 4).
    static func address(of issuer: String) -> String {
        (issuer.utf8.last == UInt8(ascii: "/") ? String(issuer.dropLast()) : issuer)
            + "/.well-known/openid-configuration"
    }

    /// - Throws: `issuer_mismatch`; `provider_unusable` for a document that is not of the form, or leads out of TLS.
    init(_ json: [UInt8], issuer: String) throws(OIDCFailure) {
        guard case .object(let document)? = try? StrictJSON.parse(json) else {
            throw OIDCFailure(.providerUnusable, "the discovery document is no JSON object")
        }
        guard case .string(let named)? = document["issuer"], named.bytes.elementsEqual(issuer.utf8) else {
            throw OIDCFailure(.issuerMismatch, "the discovery document names another issuer than LATCHKEY_OIDC_ISSUER")
        }
        let needsTLS = OIDCAddress(issuer)?.isTLS ?? true
        authorizationEndpoint = try Self.address("authorization_endpoint", document, needsTLS)
        tokenEndpoint = try Self.address("token_endpoint", document, needsTLS)
        keysAddress = try Self.address("jwks_uri", document, needsTLS)
        // Left out, it is client_secret_basic.
        let methods = Self.texts(document["token_endpoint_auth_methods_supported"]) ?? ["client_secret_basic"]
        clientAuthentication =
            methods.contains("client_secret_basic") ? .basic : methods.contains("client_secret_post") ? .post : nil
        let signed = Self.texts(document["id_token_signing_alg_values_supported"]) ?? ["RS256"]
        algorithms = Self.allowedAlgorithms.filter(signed.contains)
        guard !algorithms.isEmpty else {
            throw OIDCFailure(.providerUnusable, "the provider signs ID tokens with no algorithm that is allowed here")
        }
        if case .bool(true)? = document["authorization_response_iss_parameter_supported"] {
            namesIssuer = true
        } else {
            namesIssuer = false
        }
    }

    private static func address(
        _ name: String, _ document: JSONObject, _ needsTLS: Bool
    ) throws(OIDCFailure) -> OIDCAddress {
        guard case .string(let text)? = document[name], let address = OIDCAddress(text.string, needsTLS: needsTLS)
        else {
            throw OIDCFailure(.providerUnusable, "the discovery document has no usable \(name)")
        }
        return address
    }

    /// nil for what is no list of texts.
    private static func texts(_ value: JSONValue?) -> [String]? {
        guard case .array(let values)? = value else { return nil }
        return values.compactMap { if case .string(let text) = $0 { text.string } else { nil } }
    }
}
