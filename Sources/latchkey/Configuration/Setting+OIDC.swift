// Signing in to Latchkey's own pages with an OpenID Connect provider.
extension Setting {
    static let oidcIssuer = Setting(
        "LATCHKEY_OIDC_ISSUER",
        "The OpenID Connect provider that users sign in with to Latchkey's own pages: its issuer, exactly as its discovery document writes it. Empty: there is none."
    )
    static let oidcClientID = Setting(
        "LATCHKEY_OIDC_CLIENT_ID", "As which client the provider knows this service. Needed with an issuer.")
    static let oidcClientSecret = Setting(
        "LATCHKEY_OIDC_CLIENT_SECRET", secret: true,
        "The client's secret; or `file:PATH`. Empty: a public client, which PKCE alone protects.")
    static let oidcClientSecretFile = Setting(
        "LATCHKEY_OIDC_CLIENT_SECRET_FILE",
        "A file of mode 0600 that holds the client's secret: `file:PATH` as a name of its own.")
    static let oidcScopes = Setting(
        "LATCHKEY_OIDC_SCOPES", default: "openid",
        "What the provider is asked for, with blanks or commas between; `openid` has to be among them.")
    static let oidcUserClaim = Setting(
        "LATCHKEY_OIDC_USER_CLAIM", default: "sub",
        "The claim of the ID token that holds the user id, the same as in the app's tokens.")
    static let oidcRolesClaim = Setting(
        "LATCHKEY_OIDC_ROLES_CLAIM",
        "The claim of the ID token that holds the roles: a text or a list. `admin` is one. Empty: nobody who signs in this way is an administrator."
    )
    static let oidcName = Setting("LATCHKEY_OIDC_NAME", default: "Single sign-on", "What the button says.")

    static let oidc: [Setting] = [
        oidcIssuer, oidcClientID, oidcClientSecret, oidcClientSecretFile, oidcScopes, oidcUserClaim, oidcRolesClaim,
        oidcName,
    ]
}
