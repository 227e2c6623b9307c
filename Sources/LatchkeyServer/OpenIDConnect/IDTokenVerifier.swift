import LatchkeyCore
import LatchkeyCrypto

/// Judges an ID token (OpenID Connect Core, section 3.1.3.7). It came from the token endpoint itself; its signature is
/// checked even so, and which algorithm and key are good is decided here, not by the token.
struct IDTokenVerifier: Sendable {
    let rules: OIDCRules

    /// What a token is judged by, beside the rules.
    struct Occasion: Sendable {
        /// Of the attempt that the token ends.
        let nonce: [UInt8]
        /// What came beside the token.
        let accessToken: [UInt8]?
        /// Seconds since 1970.
        let now: Int64
    }

    /// Larger than other tokens: some providers put every group of a person's into one.
    static let maximumBytes = 32 * 1024
    /// How far a clock may be ahead of ours, in seconds.
    static let leeway: Int64 = 60
    /// It was made for this sign-in, a moment ago; in seconds.
    static let oldest: Int64 = 600

    /// No key of that algorithm and id is among the known ones. The provider may have new ones.
    struct UnknownKey: Error {}

    /// - Throws: `UnknownKey`; else `OIDCFailure`: `id_token_refused`, `issuer_mismatch`; `user_not_usable` for a token that
    ///   holds and whose user id cannot be one here.
    func verify(
        _ text: [UInt8], keys: [String: TokenKeys], occasion: Occasion
    ) throws -> VerifiedIdentity {
        guard let token = UnverifiedToken(text, upTo: Self.maximumBytes) else {
            throw Self.refused("is not a compact JWS, or is too long")
        }
        // A thumbprint may stand there: some directories write one, and the key is looked up by its id all the same.
        guard let header = TokenHeader(token.header, types: ["jwt"], takesThumbprint: true) else {
            throw Self.refused("has a header that is not one of an ID token")
        }
        guard let algorithm = OIDCMetadata.allowedAlgorithms.first(where: { $0.utf8.elementsEqual(header.algorithm) })
        else { throw Self.refused("is signed with an algorithm that is not allowed") }
        guard let set = keys[algorithm] else { throw UnknownKey() }
        try verify(token, by: set, kid: header.keyID, algorithm)
        try checkIssuer(token.claims)
        try checkAudience(token.claims)
        try checkTimes(token.claims, occasion.now)
        try checkNonce(token.claims, occasion.nonce)
        try checkAccessToken(token.claims, occasion.accessToken, algorithm)
        return try identity(token.claims)
    }

    private func verify(
        _ token: UnverifiedToken, by keys: TokenKeys, kid: TokenKeyID, _ algorithm: String
    ) throws {
        // Where there is one key only, a token need not name it (section 10.1).
        guard let kid = kid.bytes == nil ? keys.onlyKeyID : kid, keys.has(kid) else { throw UnknownKey() }
        guard keys.verifies(token.signature, over: token.signed, kid: kid, algorithm: algorithm) else {
            throw Self.refused("has a signature that does not hold")
        }
    }

    private func checkIssuer(_ claims: JSONObject) throws(OIDCFailure) {
        guard case .string(let issuer)? = claims["iss"], issuer.bytes.elementsEqual(rules.issuer.utf8) else {
            throw OIDCFailure(.issuerMismatch, "the ID token is of another issuer")
        }
    }

    /// Ours has to be among the audiences. With several, or where it is said for whom the token was made (`azp`), that has
    /// to be us.
    private func checkAudience(_ claims: JSONObject) throws(OIDCFailure) {
        let audiences = TokenVerifier.texts(claims["aud"]) ?? []
        guard audiences.contains(where: isOurs) else { throw Self.refused("is for another client") }
        switch claims["azp"] {
        case nil where audiences.count == 1: break
        case .string(let party)? where isOurs(party.string): break
        default: throw Self.refused("was made for another client")
        }
    }

    private func isOurs(_ client: String) -> Bool { client.utf8.elementsEqual(rules.clientID.utf8) }

    private func checkTimes(_ claims: JSONObject, _ now: Int64) throws(OIDCFailure) {
        guard case .number(let expires)? = claims["exp"], let expires = expires.int64,
            case .number(let issued)? = claims["iat"], let issued = issued.int64
        else { throw Self.refused("does not say when it was issued and when it ends") }
        guard now < expires else { throw Self.refused("has expired") }
        // Neither sum can overflow: a clock of ours is far from the end of the numbers.
        guard issued <= now + Self.leeway else { throw Self.refused("was issued in the future") }
        guard issued >= now - Self.oldest - Self.leeway else { throw Self.refused("was issued long ago") }
        switch claims["nbf"] {
        case nil: break
        case .number(let begins)?:
            guard let begins = begins.int64, begins <= now + Self.leeway else { throw Self.refused("is not good yet") }
        default: throw Self.refused("does not say from when it is good")
        }
    }

    private func checkNonce(_ claims: JSONObject, _ nonce: [UInt8]) throws(OIDCFailure) {
        guard case .string(let said)? = claims["nonce"], GrantKey.constantTimeEquals(said.bytes, nonce) else {
            throw Self.refused("is of another sign-in")
        }
    }

    private func checkAccessToken(
        _ claims: JSONObject, _ accessToken: [UInt8]?, _ algorithm: String
    ) throws(OIDCFailure) {
        guard let claim = claims["at_hash"] else { return }
        guard case .string(let said) = claim, let accessToken,
            said.bytes == AccessTokenHash.of(accessToken, algorithm: algorithm)
        else { throw Self.refused("came with another access token") }
    }

    private func identity(_ claims: JSONObject) throws(OIDCFailure) -> VerifiedIdentity {
        guard case .string(let subject)? = claims["sub"], !subject.bytes.isEmpty else {
            throw Self.refused("names nobody")
        }
        guard case .string(let user)? = claims[rules.userClaim], let id = try? UserID(user.bytes) else {
            throw OIDCFailure(
                .userNotUsable, "the ID token's claim LATCHKEY_OIDC_USER_CLAIM names is no user id that can be one here"
            )
        }
        // Where people may write any address into their account, its owner is who has shown that it is theirs.
        if rules.userClaim == "email" {
            guard case .bool(true)? = claims["email_verified"] else {
                throw OIDCFailure(
                    .userNotUsable, "the ID token does not say that the provider has verified the address")
            }
        }
        let roles = rules.rolesClaim.flatMap { TokenVerifier.texts(claims[$0]) }
        return VerifiedIdentity(id: id, roles: roles ?? [])
    }

    private static func refused(_ why: String) -> OIDCFailure {
        OIDCFailure(.idTokenRefused, "the ID token \(why)")
    }
}
