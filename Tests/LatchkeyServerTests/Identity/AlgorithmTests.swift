import LatchkeyCore
import LatchkeyCrypto
import Testing

@testable import LatchkeyServer

/// One algorithm and one key are configured; a token chooses neither.
struct AlgorithmTests {
    private static let bits = ["HS256": 256, "HS384": 384, "HS512": 512]

    @Test(arguments: ["HS256", "HS384", "HS512"])
    func `each HMAC accepts its own tokens and none of another algorithm's`(pinned: String) async throws {
        let verifier = try await TokenVerifier.hmac(pinned)
        for (name, bits) in Self.bits {
            for (other, otherBits) in Self.bits {
                // What the header says, and what the MAC was made with.
                let token = TokenForge.token(
                    header: #"{"alg":"\#(name)"}"#, claims: TokenForge.claims("alice"), bits: otherBits)
                #expect(verifier.accepts(token) == (name == pinned && other == pinned), "\(name) by \(other), \(bits)")
            }
        }
    }

    @Test(arguments: ["HS256", "HS384", "HS512"])
    func `none is refused in each spelling, with a signature and without`(pinned: String) async throws {
        let verifier = try await TokenVerifier.hmac(pinned)
        let claims = TokenForge.base64URL(Array(TokenForge.claims("alice").utf8))
        for name in ["none", "None", "NONE", "nOnE", "", "null"] {
            let header = TokenForge.base64URL(Array(#"{"alg":"\#(name)"}"#.utf8))
            #expect(!verifier.accepts("\(header).\(claims)."))
            #expect(!verifier.accepts("\(header).\(claims)"))
            #expect(!verifier.accepts(TokenForge.sign("\(header).\(claims)", bits: Self.bits[pinned] ?? 256)))
        }
        let right = TokenForge.base64URL(Array(#"{"alg":"\#(pinned)"}"#.utf8))
        #expect(!verifier.accepts("\(right).\(claims)."))
    }

    @Test(arguments: ["RS256", "PS256", "ES256", "EdDSA", "dir", "HS1", "A128KW"])
    func `another family's name over the shared secret is refused`(name: String) async throws {
        let token = TokenForge.token(header: #"{"alg":"\#(name)"}"#, claims: TokenForge.claims("alice"))
        #expect(try await !TokenVerifier.hmac().accepts(token))
    }

    @Test func `a MAC under any other secret is refused`() async throws {
        let secret = TokenForge.secret
        let verifier = try await TokenVerifier.hmac()
        let others: [[UInt8]] = [
            [], [0], Array(secret.dropLast()), secret + [0x0a], Array(secret.reversed()),
            [UInt8](repeating: 0, count: 64),
            Array(TokenForge.base64URL(secret).utf8), secret + secret,
        ]
        for key in others {
            #expect(!verifier.accepts(TokenForge.token(claims: TokenForge.claims("alice"), key: key)))
        }
    }

    @Test(arguments: ["none", "", "hs256", "RS256", "ES256", "HS128", "HS256 "])
    func `an HMAC of another name cannot be configured`(algorithm: String) async throws {
        await #expect {
            _ = try await TokenKeys.hmac(algorithm: algorithm, secret: Secret(copying: TokenForge.secret), keyID: nil)
        } throws: {
            ($0 as? LatchkeyError)?.code == .configuration
        }
    }

    @Test(arguments: ["none", "", "HS256", "HS512", "rs256", "RSA-OAEP", "ES256K"])
    func `a JWK set cannot be configured for another algorithm`(algorithm: String) async throws {
        let json = Array(JWKSet.text([PublishedRSA.jwk(kid: "rsa")]).utf8)
        await #expect {
            _ = try await TokenKeys.jwks(algorithm: algorithm, json: json)
        } throws: {
            ($0 as? LatchkeyError)?.code == .configuration
        }
    }
}
