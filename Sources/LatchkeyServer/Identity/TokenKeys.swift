import JWTKit
import LatchkeyCore
package import LatchkeyCrypto
import Synchronization

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// A token's `kid`, looked up by its bytes; nil for tokens that carry none.
package struct TokenKeyID: Hashable, Sendable {
    let bytes: [UInt8]?
}

/// The keys tokens are verified with, by key id. Signatures are jwt-kit's; which key and which algorithm is decided here.
package final class TokenKeys: Sendable {
    private let keys: Mutex<[TokenKeyID: any JWTAlgorithm]>
    private let changes = Atomic<UInt64>(0)

    private init(_ keys: sending [TokenKeyID: any JWTAlgorithm]) { self.keys = Mutex(keys) }

    /// `HS256`, `HS384` or `HS512` under one secret.
    ///
    /// - Parameter keyID: the `kid` that tokens carry; nil when they carry none. A token that names any other key is
    ///   refused: the secret was not made for it.
    /// - Throws: `configuration` for an algorithm that is not one of these.
    package static func hmac(algorithm: String, secret: borrowing Secret, keyID: String?) async throws -> TokenKeys {
        let digest: DigestAlgorithm =
            switch algorithm {
            case "HS256": .sha256
            case "HS384": .sha384
            case "HS512": .sha512
            default: throw unknown(algorithm)
            }
        let key = HMACKey(key: secret.withUnsafeBytes { SymmetricKeyBytes.key($0) })
        let collection = JWTKeyCollection()
        await collection.add(hmac: key, digestAlgorithm: digest)
        var keys: [TokenKeyID: any JWTAlgorithm] = [:]
        keys[TokenKeyID(bytes: keyID.map { Array($0.utf8) })] = try await collection.getKey()
        return TokenKeys(keys)
    }

    /// `RS256`, `ES256`, `EdDSA` and their siblings from a JWK set (RFC 7517). Keys of another algorithm are left out.
    ///
    /// - Throws: `configuration` when the set cannot be read or holds no usable key.
    package static func jwks(algorithm: String, json: [UInt8]) async throws -> TokenKeys {
        TokenKeys(try await read(algorithm: algorithm, json: json))
    }

    /// The one key's id; nil where there are several: a token has to say which then.
    var onlyKeyID: TokenKeyID? { keys.withLock { $0.count == 1 ? $0.keys.first : nil } }

    /// Whether there is a key of that id.
    func has(_ kid: TokenKeyID) -> Bool { keys.withLock { $0[kid] != nil } }

    /// Another number for each set of keys.
    var generation: UInt64 { changes.load(ordering: .sequentiallyConsistent) }

    /// Takes over a newer JWK set; one that cannot be read changes nothing.
    package func replace(algorithm: String, json: [UInt8]) async throws {
        let newer = try await Self.read(algorithm: algorithm, json: json)
        keys.withLock { $0 = newer }
        changes.wrappingAdd(1, ordering: .sequentiallyConsistent)
    }

    private static func read(algorithm: String, json: [UInt8]) async throws -> [TokenKeyID: any JWTAlgorithm] {
        guard !algorithm.hasPrefix("HS"), let known = JWK.Algorithm(rawValue: algorithm) else {
            throw unknown(algorithm)
        }
        guard let set = try? JSONDecoder().decode(PublishedKeySet.self, from: Data(json)) else {
            throw LatchkeyError(.configuration, "the JWK set is not readable")
        }
        var keys: [TokenKeyID: any JWTAlgorithm] = [:]
        for jwk in set.keys.compactMap(\.verifying) {
            // A symmetric key in a public set would be everybody's to sign with.
            guard let kid = jwk.keyIdentifier?.string, isKeyID(Array(kid.utf8)), jwk.algorithm ?? known == known else {
                continue
            }
            let collection = JWTKeyCollection()
            guard (try? await collection.add(jwk: jwk)) != nil,
                let key = try? await collection.getKey(for: JWKIdentifier(string: kid), alg: algorithm),
                key.name == algorithm
            else { continue }
            keys[TokenKeyID(bytes: Array(kid.utf8))] = key
        }
        guard !keys.isEmpty else {
            throw LatchkeyError(.configuration, "the JWK set has no \(algorithm) key with a kid")
        }
        return keys
    }

    /// Signs a claims document: for `latchkey token` only.
    package func sign(header: [UInt8], claims: [UInt8]) throws -> [UInt8]? {
        let key = keys.withLock { $0.count == 1 ? $0.first?.value : nil }
        guard let key else { return nil }
        var token = Base64URLText.encode(header)
        token.append(UInt8(ascii: "."))
        token += Base64URLText.encode(claims)
        let signature = try key.sign(token)
        token.append(UInt8(ascii: "."))
        return token + Base64URLText.encode(signature)
    }

    /// Whether `signature` over `signed` was made with the key that `kid` names, under that algorithm.
    func verifies(_ signature: [UInt8], over signed: [UInt8], kid: TokenKeyID, algorithm: String) -> Bool {
        guard let key = keys.withLock({ $0[kid] }), key.name == algorithm else { return false }
        return (try? key.verify(signature, signs: signed)) == true
    }

    /// 1 to 64 of `A-Z a-z 0-9 . _ -`: an id is looked up in a dictionary and nowhere else, and cannot be a path even so.
    static func isKeyID(_ bytes: [UInt8]) -> Bool {
        (1...64).contains(bytes.count)
            && bytes.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "-"):
                    true
                default: false
                }
            }
    }

    private static func unknown(_ algorithm: String) -> LatchkeyError {
        LatchkeyError(
            .configuration, "JWT_ALGORITHM is not one that Latchkey verifies",
            hint: "HS256, HS384 or HS512 with JWT_SECRET_KEY; RS256, ES256 or EdDSA with LATCHKEY_JWKS")
    }
}

/// A JWK set as others publish it (RFC 7517, section 5): keys of kinds that are not understood stand beside ours, and are
/// passed over.
private struct PublishedKeySet: Decodable {
    let keys: [PublishedKey]
}

private struct PublishedKey: Decodable {
    /// nil: not understood, or not there to verify signatures with.
    let verifying: JWK?

    private enum CodingKeys: String, CodingKey {
        case use
        case operations = "key_ops"
    }

    init(from decoder: any Decoder) throws {
        let members = try decoder.container(keyedBy: CodingKeys.self)
        let use = try? members.decode(String.self, forKey: .use)
        let operations = try? members.decode([String].self, forKey: .operations)
        let isForSignatures = (use ?? "sig") == "sig" && (operations?.contains("verify") ?? true)
        verifying = isForSignatures ? try? JWK(from: decoder) : nil
    }
}
