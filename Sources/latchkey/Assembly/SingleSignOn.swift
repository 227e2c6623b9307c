import AsyncHTTPClient
import LatchkeyCore
import LatchkeyCrypto
import LatchkeyServer

/// Signing in with an OpenID Connect provider, as configured. The provider itself is asked nothing at start.
enum SingleSignOn {
    /// - Returns: nil where no issuer is set.
    /// - Throws: `configuration`.
    static func rules(_ settings: Settings) throws -> OIDCRules? {
        guard let issuer = settings[.oidcIssuer] else {
            let alone = [Setting.oidcClientID, .oidcClientSecret, .oidcClientSecretFile].first { settings.isGiven($0) }
            guard let alone else { return nil }
            throw LatchkeyError(
                .configuration, "\(alone.name) is set and \(Setting.oidcIssuer.name) is not",
                hint: "name the provider's issuer, or leave both out")
        }
        guard let clientID = settings[.oidcClientID] else {
            throw LatchkeyError(
                .configuration, "\(Setting.oidcIssuer.name) is set and \(Setting.oidcClientID.name) is not",
                hint: "register this service with the provider; it gives it a client id")
        }
        let scopes = (settings[.oidcScopes] ?? "").split { $0 == "," || $0.isWhitespace }.map(String.init)
        return try OIDCRules(
            issuer: issuer, clientID: clientID, clientSecret: try clientSecret(settings), scopes: scopes,
            userClaim: settings[.oidcUserClaim] ?? "sub", rolesClaim: settings[.oidcRolesClaim],
            name: settings[.oidcName])
    }

    static func signIn(_ rules: OIDCRules, client: HTTPClient, keyring: RootKeyring, clock: WallClock) -> OIDCSignIn {
        OIDCSignIn(rules: rules, transport: HTTPOIDCTransport(client: client), keyring: keyring, clock: clock)
    }

    /// What a provider gives out is as good as the provider makes it: its length is not judged.
    private static func clientSecret(_ settings: Settings) throws -> SharedSecret? {
        switch (settings[.oidcClientSecret], settings[.oidcClientSecretFile]) {
        case (nil, nil): return nil
        case (let value?, nil): return SharedSecret(try SecretSource.read(value, for: .oidcClientSecret))
        case (nil, let path?):
            return SharedSecret(try SecretSource.read("file:\(path)", for: .oidcClientSecretFile))
        case (_?, _?):
            throw LatchkeyError(
                .configuration,
                "\(Setting.oidcClientSecret.name) and \(Setting.oidcClientSecretFile.name) are both set",
                hint: "leave one of them out")
        }
    }
}
