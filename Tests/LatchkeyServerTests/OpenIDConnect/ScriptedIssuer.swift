import Crypto
import Foundation
import LatchkeyCore
import LatchkeyCrypto
import LatchkeyTesting
import Synchronization

@testable import LatchkeyServer

/// An OpenID Connect provider that answers as a test says, and remembers what it was asked.
final class ScriptedIssuer: OIDCTransport {
    static let issuer = "https://login.example.com/tenant"
    static let clientID = "latchkey-pages"
    static let origin = "https://keys.example.com"

    struct Script: Sendable {
        var metadata: [String: String] = [:]
        var keys: [String]
        var tokenAnswer = OIDCAnswer(status: 500, body: [])
        var isDown = false
        /// Opened by the test when the next answer may go out.
        var release: Door?
        var arrived: Door?
    }

    let key = P256.Signing.PrivateKey()
    private let script: Mutex<Script>
    private let asked = Mutex<[OIDCRequest]>([])

    init() { script = Mutex(Script(keys: [JWKSet.ec(key.publicKey, kid: "one")])) }

    func change(_ body: (inout Script) -> Void) { script.withLock { body(&$0) } }

    var requests: [OIDCRequest] { asked.withLock { $0 } }

    func requests(to end: String) -> [OIDCRequest] { requests.filter { $0.address.text.hasSuffix(end) } }

    func send(_ request: OIDCRequest) async throws(OIDCFailure) -> OIDCAnswer {
        asked.withLock { $0.append(request) }
        let script = self.script.withLock { $0 }
        script.arrived?.open()
        await script.release?.wait()
        guard !script.isDown else { throw OIDCFailure(.providerUnavailable, "scripted") }
        if request.address.text.hasSuffix("/openid-configuration") {
            return OIDCAnswer(status: 200, body: Array(Self.metadata(script.metadata).utf8))
        }
        if request.address.text.hasSuffix("/keys") {
            return OIDCAnswer(status: 200, body: Array(JWKSet.text(script.keys).utf8))
        }
        return script.tokenAnswer
    }

    /// A discovery document; members are JSON text, and an empty one leaves the member out.
    static func metadata(_ changes: [String: String] = [:]) -> String {
        let members = [
            "issuer": "\"\(issuer)\"", "authorization_endpoint": #""https://login.example.com/authorize""#,
            "token_endpoint": #""https://login.example.com/token""#, "jwks_uri": #""https://login.example.com/keys""#,
            "id_token_signing_alg_values_supported": #"["RS256","ES256","HS256","none"]"#,
        ].merging(changes) { $1 }.filter { !$0.value.isEmpty }
        return "{\(members.map { "\"\($0.key)\":\($0.value)" }.sorted().joined(separator: ","))}"
    }

    static func rules(
        secret: String? = nil, userClaim: String = "sub", rolesClaim: String? = nil, issuer: String = issuer,
        clientID: String = clientID
    ) throws -> OIDCRules {
        try OIDCRules(
            issuer: issuer, clientID: clientID,
            clientSecret: secret.map { SharedSecret(Secret(copying: Array($0.utf8))) }, userClaim: userClaim,
            rolesClaim: rolesClaim)
    }
}

/// ID tokens made by hand, each wrong in one way if at all.
enum IDTokenForge {
    static let nonce = "n-0123456789abcdef0123456789abcdef012345678"
    static let now = TokenForge.now

    /// Claims that pass; members are JSON text, and an empty one leaves the claim out.
    static func claims(_ changes: [String: String] = [:]) -> String {
        let members = [
            "iss": "\"\(ScriptedIssuer.issuer)\"", "sub": #""alice""#, "aud": "\"\(ScriptedIssuer.clientID)\"",
            "exp": "\(now + 300)", "iat": "\(now)", "nonce": "\"\(nonce)\"",
        ].merging(changes) { $1 }.filter { !$0.value.isEmpty }
        return "{\(members.map { "\"\($0.key)\":\($0.value)" }.sorted().joined(separator: ","))}"
    }

    static func token(
        _ key: P256.Signing.PrivateKey, header: String = #"{"alg":"ES256","kid":"one","typ":"JWT"}"#,
        claims: String = claims()
    ) throws -> [UInt8] {
        let signed = TokenForge.base64URL(Array(header.utf8)) + "." + TokenForge.base64URL(Array(claims.utf8))
        let signature = try key.signature(for: Data(signed.utf8))
        return Array("\(signed).\(TokenForge.base64URL(Array(signature.rawRepresentation)))".utf8)
    }
}
