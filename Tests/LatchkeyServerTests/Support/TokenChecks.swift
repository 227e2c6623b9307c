import Crypto
import LatchkeyCore
import LatchkeyCrypto
import LatchkeyTesting

@testable import LatchkeyServer

extension TokenVerifier {
    /// A verifier of HMAC tokens under the forge's secret, at the time where the test clock stands.
    static func hmac(
        _ algorithm: String = "HS256", keyID: String? = nil, secret: [UInt8] = TokenForge.secret,
        minutes: Int64 = 60, clock: TestClock = TestClock(), _ change: (inout Rules) -> Void = { _ in }
    ) async throws -> TokenVerifier {
        var rules = Rules(algorithm: algorithm, expirationMinutes: minutes)
        change(&rules)
        let keys = try await TokenKeys.hmac(algorithm: algorithm, secret: Secret(copying: secret), keyID: keyID)
        return TokenVerifier(rules: rules, keys: keys, clock: clock.clock)
    }

    /// A verifier of tokens that are signed with a key out of a JWK set.
    static func jwks(_ algorithm: String, _ keys: [String]) async throws -> TokenVerifier {
        TokenVerifier(
            rules: Rules(algorithm: algorithm, expirationMinutes: 60),
            keys: try await TokenKeys.jwks(algorithm: algorithm, json: Array(JWKSet.text(keys).utf8)),
            clock: TestClock().clock)
    }

    func verify(_ token: String) -> VerifiedIdentity? { verify(Array(token.utf8)) }

    func accepts(_ token: String) -> Bool { verify(token) != nil }
}

/// JWK sets written by hand.
enum JWKSet {
    static func text(_ keys: [String]) -> String { #"{"keys":[\#(keys.joined(separator: ","))]}"# }

    static func member(_ name: String, _ value: String?) -> String { value.map { #","\#(name)":"\#($0)""# } ?? "" }

    static func ec(_ key: P256.Signing.PublicKey, kid: String?, alg: String? = nil, more: String = "") -> String {
        let raw = Array(key.rawRepresentation)
        return #"{"kty":"EC","crv":"P-256","x":"\#(TokenForge.base64URL(Array(raw[..<32])))","#
            + #""y":"\#(TokenForge.base64URL(Array(raw[32...])))"\#(member("kid", kid))\#(member("alg", alg))\#(more)}"#
    }

    static func ed(_ key: Curve25519.Signing.PublicKey, kid: String?, alg: String? = nil) -> String {
        #"{"kty":"OKP","crv":"Ed25519","x":"\#(TokenForge.base64URL(Array(key.rawRepresentation)))""#
            + "\(member("kid", kid))\(member("alg", alg))}"
    }

    static func oct(_ key: [UInt8], kid: String?, alg: String? = nil) -> String {
        #"{"kty":"oct","k":"\#(TokenForge.base64URL(key))"\#(member("kid", kid))\#(member("alg", alg))}"#
    }
}
