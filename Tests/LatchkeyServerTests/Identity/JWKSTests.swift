import Crypto
import Foundation
import JWTKit
import LatchkeyCore
import LatchkeyCrypto
import LatchkeyTesting
import Testing

@testable import LatchkeyServer

/// Public keys out of a JWK set: which key verifies which token is decided by the token's key id and our algorithm.
struct JWKSTests {
    private static func es256(_ key: P256.Signing.PrivateKey, kid: String?, alg: String = "ES256") throws -> String {
        let signed = signedText(kid: kid, alg: alg)
        let signature = try key.signature(for: Data(signed.utf8))
        return signed + "." + TokenForge.base64URL(Array(signature.rawRepresentation))
    }

    private static func signedText(kid: String?, alg: String) -> String {
        header(kid: kid, alg: alg) + "." + TokenForge.base64URL(Array(TokenForge.claims("alice").utf8))
    }

    private static func header(kid: String?, alg: String) -> String {
        TokenForge.base64URL(Array(#"{"alg":"\#(alg)"\#(JWKSet.member("kid", kid))}"#.utf8))
    }

    private static func rs256(kid: String?, alg: String = "RS256", hash: String = "RS256") async throws -> String {
        try await PublishedRSA.token(header: #"{"alg":"\#(alg)"\#(JWKSet.member("kid", kid))}"#, hash: hash)
    }

    // One of each kind

    @Test func `RS256: the key that the token names verifies it, and no other does`() async throws {
        let verifier = try await TokenVerifier.jwks("RS256", [PublishedRSA.jwk(kid: "rsa", alg: "RS256")])
        #expect(try await verifier.verify(Self.rs256(kid: "rsa"))?.id.text == "alice")
        #expect(try await !verifier.accepts(Self.rs256(kid: "other")))
        #expect(try await !verifier.accepts(Self.rs256(kid: nil)))
        #expect(try await !verifier.accepts(Self.rs256(kid: "rsa", alg: "RS384", hash: "RS384")))
        #expect(try await !verifier.accepts(Self.rs256(kid: "rsa", alg: "RS256", hash: "RS512")))
        #expect(try await !verifier.accepts(Self.rs256(kid: "rsa", alg: "PS256")))
    }

    @Test func `ES256: the key that the token names verifies it, and no other does`() async throws {
        let (one, two) = (P256.Signing.PrivateKey(), P256.Signing.PrivateKey())
        let verifier = try await TokenVerifier.jwks(
            "ES256", [JWKSet.ec(one.publicKey, kid: "one"), JWKSet.ec(two.publicKey, kid: "two", alg: "ES256")])
        #expect(try verifier.verify(Self.es256(one, kid: "one"))?.id.text == "alice")
        #expect(try verifier.accepts(Self.es256(two, kid: "two")))
        #expect(try !verifier.accepts(Self.es256(one, kid: "two")))
        #expect(try !verifier.accepts(Self.es256(two, kid: "one")))
        #expect(try !verifier.accepts(Self.es256(one, kid: "three")))
        #expect(try !verifier.accepts(Self.es256(one, kid: nil)))
        #expect(try !verifier.accepts(Self.es256(one, kid: "one", alg: "ES384")))
        #expect(try !verifier.accepts(Self.es256(P256.Signing.PrivateKey(), kid: "one")))
    }

    /// JWS wants r and s side by side (RFC 7518, section 3.4); and r = s = 0 verifies in some broken libraries.
    @Test func `ES256: a signature in DER, of zeros, or cut is refused`() async throws {
        let key = P256.Signing.PrivateKey()
        let verifier = try await TokenVerifier.jwks("ES256", [JWKSet.ec(key.publicKey, kid: "one")])
        let signed = Self.signedText(kid: "one", alg: "ES256")
        let signature = try key.signature(for: Data(signed.utf8))
        let raw = Array(signature.rawRepresentation)
        #expect(verifier.accepts("\(signed).\(TokenForge.base64URL(raw))"))
        let wrong: [[UInt8]] = [
            Array(signature.derRepresentation), [UInt8](repeating: 0, count: 64), [UInt8](repeating: 0xff, count: 64),
            Array(raw.dropLast()), raw + [0], Array(raw[32...] + raw[..<32]), [0],
        ]
        for bytes in wrong { #expect(!verifier.accepts("\(signed).\(TokenForge.base64URL(bytes))")) }
    }

    @Test func `EdDSA: the key that the token names verifies it, and no other does`() async throws {
        let key = Curve25519.Signing.PrivateKey()
        let verifier = try await TokenVerifier.jwks("EdDSA", [JWKSet.ed(key.publicKey, kid: "ed")])
        func token(kid: String?, alg: String = "EdDSA", key: Curve25519.Signing.PrivateKey = key) throws -> String {
            let signed = Self.signedText(kid: kid, alg: alg)
            return try signed + "." + TokenForge.base64URL(Array(key.signature(for: Data(signed.utf8))))
        }
        #expect(try verifier.verify(token(kid: "ed"))?.id.text == "alice")
        #expect(try !verifier.accepts(token(kid: "de")))
        #expect(try !verifier.accepts(token(kid: nil)))
        #expect(try !verifier.accepts(token(kid: "ed", alg: "Ed25519")))
        #expect(try !verifier.accepts(token(kid: "ed", key: Curve25519.Signing.PrivateKey())))
    }

    // Confusion

    /// Whoever takes a public key for an HMAC secret lets everybody sign.
    @Test func `an HMAC made with the public key's PEM, DER or modulus is refused`() async throws {
        let verifier = try await TokenVerifier.jwks("RS256", [PublishedRSA.jwk(kid: "rsa")])
        let key = try PublishedRSA.publicKey()
        let pem = key.pemRepresentation
        let secrets: [[UInt8]] = [
            Array(pem.utf8), Array((pem + "\n").utf8), Array(pem.dropLast().utf8),
            Array(key.derRepresentation), Array(try key.getKeyPrimitives().modulus), Array(PublishedRSA.modulus.utf8),
            Array(PublishedRSA.jwk(kid: "rsa").utf8), [],
        ]
        for secret in secrets {
            for (bits, name) in [(256, "HS256"), (384, "HS384"), (512, "HS512"), (256, "RS256")] {
                for kid in ["rsa", nil] {
                    let header = #"{"alg":"\#(name)"\#(JWKSet.member("kid", kid))}"#
                    let token = TokenForge.token(
                        header: header, claims: TokenForge.claims("alice"), bits: bits, key: secret)
                    #expect(!verifier.accepts(token), "\(name)")
                }
            }
        }
        #expect(try await verifier.accepts(Self.rs256(kid: "rsa")))
    }

    /// A symmetric key in a public set would be everybody's to sign with. That the set is refused is as good.
    @Test(arguments: [nil, "HS256", "RS256"])
    func `a symmetric key inside the set is never used`(alg: String?) async throws {
        let secret = [UInt8](repeating: 0x5a, count: 32)
        let oct = JWKSet.oct(secret, kid: "oct", alg: alg)
        for keys in [[oct], [PublishedRSA.jwk(kid: "rsa"), oct], [oct, PublishedRSA.jwk(kid: "oct")]] {
            guard let verifier = try? await TokenVerifier.jwks("RS256", keys) else { continue }
            for name in ["HS256", "RS256"] {
                let token = TokenForge.token(
                    header: #"{"alg":"\#(name)","kid":"oct"}"#, claims: TokenForge.claims("alice"), key: secret)
                #expect(!verifier.accepts(token))
            }
        }
    }

    @Test func `a key of another algorithm in the set is left out`() async throws {
        let ec = P256.Signing.PrivateKey()
        let verifier = try await TokenVerifier.jwks(
            "RS256",
            [
                JWKSet.ec(ec.publicKey, kid: "ec"), PublishedRSA.jwk(kid: "old", alg: "RS512"),
                PublishedRSA.jwk(kid: "rsa"),
            ])
        #expect(try await verifier.accepts(Self.rs256(kid: "rsa")))
        #expect(try await !verifier.accepts(Self.rs256(kid: "old")))
        #expect(try !verifier.accepts(Self.es256(ec, kid: "ec")))
        #expect(try !verifier.accepts(Self.es256(ec, kid: "ec", alg: "RS256")))
    }

    // The set itself

    @Test(arguments: [
        "", "{}", "[]", #"{"keys":{}}"#, #"{"keys":[]}"#, "not json", #"{"keys":[{"kty":"RSA","kid":"rsa"}]}"#,
        #"{"keys":[{"kty":"RSA","kid":"rsa","n":"AQAB","e":"AQAB"}]}"#, JWKSet.text([PublishedRSA.jwk(kid: nil)]),
        JWKSet.text([PublishedRSA.jwk(kid: "../rsa")]), JWKSet.text([PublishedRSA.jwk(kid: "")]),
        JWKSet.text([PublishedRSA.jwk(kid: "rsa", alg: "RS384")]),
    ])
    func `a set without a usable key is a configuration error, not a service that knows nobody`(json: String) async {
        await #expect {
            _ = try await TokenKeys.jwks(algorithm: "RS256", json: Array(json.utf8))
        } throws: {
            ($0 as? LatchkeyError)?.code == .configuration
        }
    }

    @Test func `a newer set takes over, and one that cannot be read changes nothing`() async throws {
        let (old, new) = (P256.Signing.PrivateKey(), P256.Signing.PrivateKey())
        func set(_ key: P256.Signing.PrivateKey, _ kid: String) -> [UInt8] {
            Array(JWKSet.text([JWKSet.ec(key.publicKey, kid: kid)]).utf8)
        }
        let keys = try await TokenKeys.jwks(algorithm: "ES256", json: set(old, "old"))
        let verifier = TokenVerifier(
            rules: .init(algorithm: "ES256", expirationMinutes: 60), keys: keys, clock: TestClock().clock)
        for unreadable in ["", "{}", #"{"keys":[]}"#, JWKSet.text([PublishedRSA.jwk(kid: "rsa")])] {
            await #expect(throws: LatchkeyError.self) {
                try await keys.replace(algorithm: "ES256", json: Array(unreadable.utf8))
            }
            #expect(try verifier.accepts(Self.es256(old, kid: "old")))
        }
        try await keys.replace(algorithm: "ES256", json: set(new, "new"))
        #expect(try verifier.accepts(Self.es256(new, kid: "new")))
        #expect(try !verifier.accepts(Self.es256(old, kid: "old")))
        #expect(try !verifier.accepts(Self.es256(old, kid: "new")))
    }

    // What others put into their sets

    /// "Implementations SHOULD ignore JWKs within a JWK Set that use "kty" values that are not understood" (RFC 7517,
    /// section 5). Whoever adds one key of a new kind to the set must not lock everybody out.
    @Test(arguments: [
        #"{"kty":"AKP","alg":"ML-DSA-65","kid":"pq","pub":"AAAA"}"#, JWKSet.oct([1, 2, 3], kid: "oct"),
        #"{"kty":"EC","crv":"secp256k1","x":"AA","y":"AA","kid":"k1"}"#,
        #"{"kty":"RSA","alg":"RSA-OAEP-256","use":"enc","kid":"enc","n":"AQAB","e":"AQAB"}"#, #"{"kid":"nothing"}"#,
        #"{"kty":"RSA","kid":"odd","n":5,"e":"AQAB"}"#, "{}",
    ])
    func `a key that is not understood does not spoil the others`(other: String) async throws {
        for keys in [[other, PublishedRSA.jwk(kid: "rsa")], [PublishedRSA.jwk(kid: "rsa"), other]] {
            let verifier = try await TokenVerifier.jwks("RS256", keys)
            #expect(try await verifier.accepts(Self.rs256(kid: "rsa")))
        }
    }

    @Test(arguments: [
        (#","use":"enc""#, false), (#","use":"""#, false), (#","use":"sig""#, true),
        (#","key_ops":["encrypt"]"#, false),
        (#","key_ops":[]"#, false), (#","key_ops":["verify"]"#, true), (#","use":"enc","key_ops":["verify"]"#, false),
    ])
    func `a key that is not meant for signatures verifies none`(use: String, isUsed: Bool) async throws {
        let key = PublishedRSA.jwk(kid: "rsa", more: use)
        let token = try await Self.rs256(kid: "rsa")
        let accepts = (try? await TokenVerifier.jwks("RS256", [key]))?.accepts(token) ?? false
        #expect(accepts == isUsed)
    }
}
