import JWTKit

/// The RSA key of RFC 7515, appendix A.2: published, so that nobody mistakes it for a secret.
enum PublishedRSA {
    static let modulus =
        "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pC"
        + "gNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg6"
        + "65xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRW"
        + "yuXpoQ"
    static let privateExponent =
        "Eq5xpGnNCivDflJsRQBXHx1hdR1k6Ulwe2JZD50LpXyWPEAeP88vLNO97IjlA7_GQ5sLKMgvfTeXZx9SE-7YwVol2NXOoAJe46sui395IW_GO-pW"
        + "J1O0BkTGoVEn2bKVRUCgu-GjBVaYLU6f3l9kJfFNS3E0QbVdxzubSu3Mkqzjkn439X0M_V51gfpRLI9JYanrC4D4qAdGcopV_0ZHHzQlBjudU2Qv"
        + "Xt4ehNYTCBr6XCLQUShb1juUO1ZdiYoFaFQT5Tw8bGUl_x_jTj3ccPDVZFD9pIuhLhBOneufuBiB4cS98l2SR_RQyGWSeWjnczT0QU91p1DhOVRu"
        + "OopznQ"

    static func jwk(kid: String?, alg: String? = nil, more: String = "") -> String {
        #"{"kty":"RSA","n":"\#(modulus)","e":"AQAB"\#(JWKSet.member("kid", kid))\#(JWKSet.member("alg", alg))\#(more)}"#
    }

    static func publicKey() throws -> Insecure.RSA.PublicKey {
        try Insecure.RSA.PublicKey(modulus: modulus, exponent: "AQAB")
    }

    /// A token with the header's own words, signed with the private key and the hash that is asked for.
    static func token(header: String, claims: String = TokenForge.claims("alice"), hash: String = "RS256") async throws
        -> String
    {
        let key = try Insecure.RSA.PrivateKey(modulus: modulus, exponent: "AQAB", privateExponent: privateExponent)
        let collection = JWTKeyCollection()
        await collection.add(
            rsa: key, digestAlgorithm: hash == "RS512" ? .sha512 : hash == "RS384" ? .sha384 : .sha256)
        let signed = TokenForge.base64URL(Array(header.utf8)) + "." + TokenForge.base64URL(Array(claims.utf8))
        let signature = try await collection.getKey().sign(Array(signed.utf8))
        return signed + "." + TokenForge.base64URL(signature)
    }
}
