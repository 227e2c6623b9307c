import Crypto
import Foundation
import LatchkeyCore
import LatchkeyCrypto
import Testing

@testable import LatchkeyServer

/// OpenID Connect Core, section 3.1.3.7: one token that passes, and each of its parts wrong.
struct IDTokenTests {
    private let key = P256.Signing.PrivateKey()

    private func keys(_ more: [String] = [], kid: String = "one") async throws -> [String: TokenKeys] {
        let set = Array(JWKSet.text([JWKSet.ec(key.publicKey, kid: kid)] + more).utf8)
        var keys: [String: TokenKeys] = [:]
        for algorithm in OIDCMetadata.allowedAlgorithms {
            keys[algorithm] = try? await TokenKeys.jwks(algorithm: algorithm, json: set)
        }
        return keys
    }

    private func verify(
        _ token: [UInt8], rules: OIDCRules? = nil, keys: [String: TokenKeys]? = nil, accessToken: String? = "token",
        now: Int64 = IDTokenForge.now
    ) async throws -> VerifiedIdentity {
        let occasion = IDTokenVerifier.Occasion(
            nonce: Array(IDTokenForge.nonce.utf8), accessToken: accessToken.map { Array($0.utf8) }, now: now)
        let usual = try await self.keys()
        return try IDTokenVerifier(rules: rules ?? ScriptedIssuer.rules()).verify(
            token, keys: keys ?? usual, occasion: occasion)
    }

    private func code(_ changes: [String: String], now: Int64 = IDTokenForge.now) async throws -> OIDCFailure.Code? {
        let token = try IDTokenForge.token(key, claims: IDTokenForge.claims(changes))
        do {
            _ = try await verify(token, now: now)
            return nil
        } catch let failure as OIDCFailure { return failure.code }
    }

    @Test func `a good one says who it is, and makes nobody an administrator`() async throws {
        let claims = IDTokenForge.claims(["roles": #"["admin"]"#])
        let identity = try await verify(IDTokenForge.token(key, claims: claims))
        #expect(identity.id.text == "alice" && !identity.isAdmin)
    }

    @Test func `another issuer`() async throws {
        for issuer in ["", #""https://login.example.com/other""#, "\"\(ScriptedIssuer.issuer)/\"", "1", "null"] {
            #expect(try await code(["iss": issuer]) == .issuerMismatch, "\(issuer)")
        }
    }

    @Test func `another audience`() async throws {
        for audience in [
            "", #""another""#, "[]", #"["another"]"#, "1", "null", #"["another",1]"#, #""LATCHKEY-pages""#,
        ] {
            #expect(try await code(["aud": audience]) == .idTokenRefused, "\(audience)")
        }
        #expect(try await code(["aud": #"["latchkey-pages"]"#]) == nil)
    }

    @Test func `several audiences, or a party it was made for, have to mean us`() async throws {
        let both = #"["latchkey-pages","another"]"#
        #expect(try await code(["aud": both]) == .idTokenRefused)
        #expect(try await code(["aud": both, "azp": #""another""#]) == .idTokenRefused)
        #expect(try await code(["aud": both, "azp": #""latchkey-pages""#]) == nil)
        #expect(try await code(["azp": #""another""#]) == .idTokenRefused)
        #expect(try await code(["azp": "7"]) == .idTokenRefused)
    }

    @Test func `times`() async throws {
        let now = IDTokenForge.now
        let refused: [[String: String]] = [
            ["exp": ""], ["iat": ""], ["exp": "\(now)"], ["exp": "\(now - 1)"], ["iat": "\(now + 61)"],
            ["iat": "\(now - 661)"], ["exp": "\"\(now + 300)\""], ["exp": "\(now + 300).5"], ["exp": "1e30"],
            ["iat": "-9223372036854775808"], ["exp": "99999999999999999999"], ["nbf": "\(now + 61)"], ["nbf": "true"],
        ]
        for changes in refused { #expect(try await code(changes) == .idTokenRefused, "\(changes)") }
        let taken: [[String: String]] = [
            ["exp": "\(now + 1)"], ["iat": "\(now + 60)"], ["iat": "\(now - 660)"], ["nbf": "\(now + 60)"],
            ["exp": "9223372036854775807"],
        ]
        for changes in taken { #expect(try await code(changes) == nil, "\(changes)") }
    }

    @Test func `another nonce, or none`() async throws {
        for nonce in ["", #""another""#, "null", "\"\(IDTokenForge.nonce)x\"", "[\"\(IDTokenForge.nonce)\"]"] {
            #expect(try await code(["nonce": nonce]) == .idTokenRefused, "\(nonce)")
        }
    }

    /// OpenID Connect Core, appendix A.3.
    @Test func `the hash of the access token is that of the specification's example`() {
        let hash = AccessTokenHash.of(
            Array("jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y".utf8), algorithm: "RS256")
        #expect(String(decoding: hash, as: UTF8.self) == "77QmUPtjPfzWtF2AnpK9RQ")
        #expect(AccessTokenHash.of([], algorithm: "ES384").count == 32)
        #expect(AccessTokenHash.of([], algorithm: "EdDSA").count == 43)
    }

    @Test func `where the hash of an access token is said, it has to be that of the one that came along`() async throws
    {
        let hash = String(decoding: AccessTokenHash.of(Array("token".utf8), algorithm: "ES256"), as: UTF8.self)
        let good = try IDTokenForge.token(key, claims: IDTokenForge.claims(["at_hash": "\"\(hash)\""]))
        #expect(try await verify(good).id.text == "alice")
        await #expect(throws: OIDCFailure.self) { try await verify(good, accessToken: "another") }
        await #expect(throws: OIDCFailure.self) { try await verify(good, accessToken: nil) }
        #expect(try await code(["at_hash": "7"]) == .idTokenRefused)
    }

    @Test func `a token that is not signed, or signed with what is public, is refused`() async throws {
        let claims = IDTokenForge.claims()
        let parts = [#"{"alg":"none"}"#, claims].map { TokenForge.base64URL(Array($0.utf8)) }.joined(separator: ".")
        let pem = key.publicKey.pemRepresentation
        var tokens = ["\(parts).", parts, "\(parts).AA"]
        let secrets = [pem, pem + "\n", ScriptedIssuer.clientID, JWKSet.ec(key.publicKey, kid: "one")].map {
            Array($0.utf8)
        }
        for secret in secrets + [Array(key.publicKey.rawRepresentation), Array(key.publicKey.derRepresentation)] {
            for (bits, name) in [(256, "HS256"), (384, "HS384"), (512, "HS512"), (256, "ES256")] {
                tokens.append(
                    TokenForge.token(
                        header: #"{"alg":"\#(name)","kid":"one"}"#, claims: claims, bits: bits, key: secret))
            }
        }
        for token in tokens {
            let failure = await #expect(throws: OIDCFailure.self) { try await verify(Array(token.utf8)) }
            #expect(failure?.code == .idTokenRefused)
        }
    }

    @Test func `the algorithm is one that is allowed, and the key one of that algorithm`() async throws {
        for name in ["es256", "none", "None", "HS256", "RSA-OAEP", "ES256K", ""] {
            let token = try IDTokenForge.token(key, header: #"{"alg":"\#(name)","kid":"one"}"#)
            let failure = await #expect(throws: OIDCFailure.self) { try await verify(token) }
            #expect(failure?.code == .idTokenRefused, "\(name)")
        }
        for header in [
            #"{"alg":"RS256","kid":"one"}"#, #"{"alg":"ES384","kid":"one"}"#, #"{"alg":"ES256","kid":"two"}"#,
        ] {
            let token = try IDTokenForge.token(key, header: header)
            await #expect(throws: IDTokenVerifier.UnknownKey.self) { try await verify(token) }
        }
        let other = P256.Signing.PrivateKey()
        let failure = await #expect(throws: OIDCFailure.self) { try await verify(IDTokenForge.token(other)) }
        #expect(failure?.code == .idTokenRefused)
    }

    @Test func `header members that bring a key along, or change what is signed, are refused`() async throws {
        for more in [
            #""jwk":{}"#, #""jku":"https://evil.example""#, #""x5u":"https://evil.example""#, #""x5c":[]"#,
            #""crit":["exp"]"#, #""b64":false"#, #""zip":"DEF""#, #""typ":"at+jwt""#, #""typ":"logout+jwt""#,
            #""typ":7"#,
        ] {
            let token = try IDTokenForge.token(key, header: #"{"alg":"ES256","kid":"one",\#(more)}"#)
            await #expect(throws: OIDCFailure.self, "\(more)") { try await verify(token) }
        }
        let token = try IDTokenForge.token(key, header: #"{"alg":"ES256","kid":"one","x5t":"AAAA","typ":"jwt"}"#)
        #expect(try await verify(token).id.text == "alice")
    }

    @Test func `a token without a key id is taken where there is one key, and where there are two it is not`()
        async throws
    {
        let token = try IDTokenForge.token(key, header: #"{"alg":"ES256"}"#)
        #expect(try await verify(token).id.text == "alice")
        let two = try await keys([JWKSet.ec(P256.Signing.PrivateKey().publicKey, kid: "two")])
        await #expect(throws: IDTokenVerifier.UnknownKey.self) { try await verify(token, keys: two) }
    }

    @Test func `a claim that is there twice is refused, whichever comes first`() async throws {
        let claims = IDTokenForge.claims()
        for more in [#""sub":"mallory""#, #""aud":"latchkey-pages""#, #""nonce":"x""#] {
            for text in ["{\(more),\(claims.dropFirst())", "\(claims.dropLast()),\(more)}"] {
                let token = try IDTokenForge.token(key, claims: text)
                await #expect(throws: OIDCFailure.self) { try await verify(token) }
            }
        }
    }

    @Test func `the user id is the claim that is set, byte for byte, or nobody`() async throws {
        let rules = try ScriptedIssuer.rules(userClaim: "employee")
        let token = try IDTokenForge.token(key, claims: IDTokenForge.claims(["employee": #""cafe\u0301""#]))
        #expect(try await verify(token, rules: rules).id.bytes == Array("cafe\u{301}".utf8))
        let long = "\"" + String(repeating: "a", count: 65) + "\""
        for value in ["", "7", #""""#, #""a\u0000b""#, long, #"["alice"]"#, "null"] {
            let token = try IDTokenForge.token(key, claims: IDTokenForge.claims(["employee": value]))
            let failure = await #expect(throws: OIDCFailure.self) { try await verify(token, rules: rules) }
            #expect(failure?.code == .userNotUsable, "\(value)")
        }
        for value in ["", "7", #""""#] { #expect(try await code(["sub": value]) == .idTokenRefused) }
    }

    @Test func `an address is a user id only if the provider says that it has verified it`() async throws {
        let rules = try ScriptedIssuer.rules(userClaim: "email")
        func failure(_ verified: String) async throws -> OIDCFailure.Code? {
            let claims = IDTokenForge.claims(["email": #""alice@example.com""#, "email_verified": verified])
            do { _ = try await verify(IDTokenForge.token(key, claims: claims), rules: rules) } catch let failure
                as OIDCFailure
            {
                return failure.code
            }
            return nil
        }
        #expect(try await failure("true") == nil)
        for verified in ["", "false", #""true""#, "1", "null"] {
            #expect(try await failure(verified) == .userNotUsable, "\(verified)")
        }
    }

    @Test func `an administrator is who has exactly that role in the claim that is set`() async throws {
        let rules = try ScriptedIssuer.rules(rolesClaim: "groups")
        for (groups, isAdmin) in [
            (#""admin""#, true), (#"["users","admin"]"#, true), ("", false), (#"["Admin"]"#, false),
            (#""admin users""#, false), (#"["admin",1]"#, false), (#"{"admin":true}"#, false), ("true", false),
        ] {
            let claims = IDTokenForge.claims(["groups": groups, "roles": #""admin""#])
            let identity = try await verify(IDTokenForge.token(key, claims: claims), rules: rules)
            #expect(identity.isAdmin == isAdmin, "\(groups)")
        }
    }

    @Test func `a token of thirty-two kilobytes is read, and no larger one`() async throws {
        let groups = "[" + (0..<500).map { "\"group-\($0)-of-many\"" }.joined(separator: ",") + "]"
        let large = try IDTokenForge.token(key, claims: IDTokenForge.claims(["groups": groups]))
        #expect(large.count > UnverifiedToken.maximumBytes)
        #expect(try await verify(large).id.text == "alice")
        let filler = "\"" + String(repeating: "a", count: 32 * 1024) + "\""
        let tooLarge = try IDTokenForge.token(key, claims: IDTokenForge.claims(["x": filler]))
        await #expect(throws: OIDCFailure.self) { try await verify(tooLarge) }
    }
}
