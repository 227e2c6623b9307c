package import LatchkeyCore
import LatchkeyCrypto

/// Who a verified token says the caller is.
package struct VerifiedIdentity: Sendable {
    package let id: UserID
    package let roles: [String]

    package var isAdmin: Bool { roles.contains { $0.utf8.elementsEqual(Self.admin.utf8) } }

    private static let admin = "admin"
}

extension VerifiedIdentity {
    /// Who signed in, as it was then.
    init(_ session: WebSession) {
        self.init(id: session.user, roles: session.isAdmin ? [Self.admin] : [])
    }
}

/// Turns a token into an identity, or into nothing. Algorithm and key are ours to choose, never the token's.
package struct TokenVerifier: Sendable {
    package struct Rules: Sendable {
        package var algorithm: String
        package var userClaim = "sub"
        package var rolesClaim = "roles"
        package var audience: String?
        package var issuer: String?
        /// For tokens that carry `iat` and no `exp`.
        package var expirationMinutes: Int64
        /// How far a clock may be ahead of ours, in seconds.
        package var leeway: Int64 = 60

        package init(algorithm: String, expirationMinutes: Int64) {
            self.algorithm = algorithm
            self.expirationMinutes = expirationMinutes
        }
    }

    private let rules: Rules
    private let keys: TokenKeys
    private let clock: WallClock
    private let verified = VerifiedTokens()

    package init(rules: Rules, keys: TokenKeys, clock: WallClock) {
        self.rules = rules
        self.keys = keys
        self.clock = clock
    }

    /// - Returns: nil for every cause; which one is nobody's business but the operator's.
    package func verify(_ text: [UInt8]) -> VerifiedIdentity? {
        guard text.count <= UnverifiedToken.maximumBytes else { return nil }
        let place = VerifiedTokens.place(of: text)
        // Asked before the signature is judged: keys that come in between make this one's entry worthless.
        let generation = keys.generation
        let now = clock.now().unixSeconds
        if let identity = verified.identity(at: place, generation: generation, now: now) { return identity }
        guard let token = UnverifiedToken(text), let kid = acceptHeader(token.header),
            keys.verifies(token.signature, over: token.signed, kid: kid, algorithm: rules.algorithm),
            let times = times(token.claims), times.contains(now), let identity = accept(token.claims)
        else { return nil }
        verified.remember(
            VerifiedTokens.Entry(
                identity: identity, validFrom: times.lowerBound, validUntil: times.upperBound, generation: generation),
            at: place)
        return identity
    }

    private func acceptHeader(_ header: JSONObject) -> TokenKeyID? {
        guard let header = TokenHeader(header, types: ["jwt", "at+jwt"]),
            header.algorithm.elementsEqual(rules.algorithm.utf8)
        else { return nil }
        return header.keyID
    }

    private func accept(_ claims: JSONObject) -> VerifiedIdentity? {
        guard acceptAudience(claims), acceptIssuer(claims),
            case .string(let subject)? = claims[rules.userClaim], let id = try? UserID(subject.bytes)
        else { return nil }
        // Roles of another form give nothing, and take nothing: the user is who they are.
        return VerifiedIdentity(id: id, roles: Self.texts(claims[rules.rolesClaim]) ?? [])
    }

    /// The seconds at which the token is good; nil for claims that are no times, or leave none.
    private func times(_ claims: JSONObject) -> Range<Int64>? {
        guard let issued = Self.time(claims["iat"]), let expires = Self.time(claims["exp"]),
            let notBefore = Self.time(claims["nbf"])
        else { return nil }
        let begin = max(issued.value ?? 0, notBefore.value ?? 0).subtractingReportingOverflow(rules.leeway)
        guard !begin.overflow, let end = expires.value ?? self.end(issued: issued.value), begin.partialValue < end
        else {
            return nil
        }
        return begin.partialValue..<end
    }

    /// For a token that says when it was issued and not when it ends.
    private func end(issued: Int64?) -> Int64? {
        guard let issued else { return nil }
        let lifetime = rules.expirationMinutes.multipliedReportingOverflow(by: 60)
        let end = issued.addingReportingOverflow(lifetime.partialValue)
        return lifetime.overflow || end.overflow ? nil : end.partialValue
    }

    private struct Time { var value: Int64? }

    /// nil for a claim that is there and is no whole number of seconds.
    private static func time(_ claim: JSONValue?) -> Time? {
        switch claim {
        case nil: return Time(value: nil)
        case .number(let number):
            guard let seconds = number.int64, seconds >= 0 else { return nil }
            return Time(value: seconds)
        default: return nil
        }
    }

    private func acceptAudience(_ claims: JSONObject) -> Bool {
        guard let audience = rules.audience else { return true }
        return Self.texts(claims["aud"])?.contains { $0.utf8.elementsEqual(audience.utf8) } ?? false
    }

    private func acceptIssuer(_ claims: JSONObject) -> Bool {
        guard let issuer = rules.issuer else { return true }
        guard case .string(let text)? = claims["iss"] else { return false }
        return text.bytes.elementsEqual(issuer.utf8)
    }

    /// A text, or a list of texts.
    static func texts(_ claim: JSONValue?) -> [String]? {
        switch claim {
        case .string(let text): return [text.string]
        case .array(let values):
            var texts: [String] = []
            for value in values {
                guard case .string(let text) = value else { return nil }
                texts.append(text.string)
            }
            return texts
        default: return nil
        }
    }
}
