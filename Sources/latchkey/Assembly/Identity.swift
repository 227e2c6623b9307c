import LatchkeyCore
import LatchkeyCrypto
import LatchkeyServer

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// Token verification as configured.
enum Identity {
    static func rules(_ settings: Settings) throws -> TokenVerifier.Rules {
        var rules = TokenVerifier.Rules(
            algorithm: settings[.jwtAlgorithm] ?? "HS256",
            expirationMinutes: try settings.positiveNumber(.jwtExpirationMinutes))
        rules.userClaim = settings[.jwtUserClaim] ?? "sub"
        rules.rolesClaim = settings[.jwtRolesClaim] ?? "roles"
        rules.audience = settings[.jwtAudience]
        rules.issuer = settings[.jwtIssuer]
        return rules
    }

    /// - Throws: `configuration` for a missing, short, guessable or example secret, and for an unknown algorithm.
    static func keys(_ settings: Settings, algorithm: String) async throws -> TokenKeys {
        guard algorithm.hasPrefix("HS") else {
            guard let source = settings[.jwks] else {
                throw LatchkeyError(
                    .configuration, "JWT_ALGORITHM is \(algorithm) and \(Setting.jwks.name) is not set",
                    hint: "name the JWK set of whoever signs the tokens: a file or an https URL")
            }
            return try await TokenKeys.jwks(algorithm: algorithm, json: try await JWKSSource.read(source))
        }
        let secret = try tokenSecret(settings, algorithm: algorithm)
        return try await TokenKeys.hmac(algorithm: algorithm, secret: secret, keyID: settings[.jwtKeyID])
    }

    /// The key of an HMAC is to be as long as its hash, or longer (RFC 7518, section 3.2).
    static func tokenSecret(_ settings: Settings, algorithm: String) throws -> Secret {
        guard let value = settings[.jwtSecret] else {
            throw LatchkeyError(
                .configuration, "\(Setting.jwtSecret.name) is not set: no user can be recognised",
                hint: "set it to the secret your app signs its tokens with")
        }
        let secret = try SecretSource.read(value, for: .jwtSecret)
        let least = ["HS384": 48, "HS512": 64][algorithm] ?? 32
        try SecretStrength.check(secret, for: .jwtSecret, atLeast: least)
        return secret
    }

    static func serviceToken(_ settings: Settings) throws -> SharedSecret? {
        try optionalToken(settings, .serviceToken, atLeast: 32)
    }

    /// - Throws: `configuration` for what is no network.
    static func trustedProxies(_ settings: Settings) throws -> [Network] {
        try settings.list(.trustedProxies).map { text in
            guard let network = Network(parsing: text.utf8) else {
                throw LatchkeyError(
                    .configuration, "\(Setting.trustedProxies.name) holds \(text), which is no network",
                    hint: "write 10.0.0.0/8 or 2001:db8::/32, no bit set behind the prefix, with commas between")
            }
            return network
        }
    }

    static func setupToken(_ settings: Settings) throws -> SharedSecret? {
        // Typed by hand once, and good for nothing after set-up: it may be shorter.
        try optionalToken(settings, .setupToken, atLeast: 16, distinct: 6)
    }

    private static func optionalToken(
        _ settings: Settings, _ setting: Setting, atLeast bytes: Int, distinct: Int = 10
    ) throws -> SharedSecret? {
        guard let value = settings[setting] else { return nil }
        let secret = try SecretSource.read(value, for: setting)
        try SecretStrength.check(secret, for: setting, atLeast: bytes, distinct: distinct)
        if let jwt = settings[.jwtSecret], let other = try? SecretSource.read(jwt, for: .jwtSecret),
            secret.constantTimeEquals(other)
        {
            throw LatchkeyError(
                .configuration, "\(setting.name) and \(Setting.jwtSecret.name) are the same secret",
                hint: "make the second one on its own: head -c 48 /dev/urandom | base64 -w0")
        }
        return SharedSecret(secret)
    }
}
