import Crypto

/// `at_hash`: the left half of the access token's digest, under the hash of the ID token's algorithm (OpenID Connect Core,
/// section 3.1.3.6).
enum AccessTokenHash {
    static func of(_ accessToken: [UInt8], algorithm: String) -> [UInt8] {
        let digest: [UInt8] =
            switch algorithm.suffix(3) {
            case "256": Array(SHA256.hash(data: accessToken))
            case "384": Array(SHA384.hash(data: accessToken))
            // Ed25519 hashes with SHA-512 (RFC 8032, section 5.1).
            default: Array(SHA512.hash(data: accessToken))
            }
        return Base64URLText.encode(Array(digest.prefix(digest.count / 2)))
    }
}
