package import LatchkeyCore
package import LatchkeyCrypto

/// Signing in to Latchkey's own pages with an OpenID Connect provider, as the operator has set it.
package struct OIDCRules: Sendable {
    /// Compared with what the provider says, byte for byte.
    package let issuer: String
    package let clientID: String
    /// nil: a public client, which PKCE alone protects.
    package let clientSecret: SharedSecret?
    package let scopes: [String]
    /// The claim of the ID token that holds the user id.
    package let userClaim: String
    /// The claim that holds the roles; nil: nobody who signs in this way is an administrator.
    package let rolesClaim: String?
    /// What the button says.
    package let name: String

    /// - Throws: `configuration` for an issuer that is no https address (on this machine http will do), a client id or
    ///   scope with characters that cannot be in one, a claim without a name.
    package init(
        issuer: String, clientID: String, clientSecret: SharedSecret? = nil, scopes: [String] = ["openid"],
        userClaim: String = "sub", rolesClaim: String? = nil, name: String? = nil
    ) throws(LatchkeyError) {
        guard let address = OIDCAddress(issuer), !address.hasQuery else {
            throw LatchkeyError(
                .configuration, "LATCHKEY_OIDC_ISSUER is not an https address without a query",
                hint: "write the provider's issuer exactly as its discovery document does")
        }
        guard (1...256).contains(clientID.utf8.count), clientID.utf8.allSatisfy({ (0x20...0x7E).contains($0) }) else {
            throw LatchkeyError(.configuration, "LATCHKEY_OIDC_CLIENT_ID is not 1 to 256 visible ASCII characters")
        }
        guard scopes.contains("openid") else {
            throw LatchkeyError(
                .configuration, "LATCHKEY_OIDC_SCOPES does not hold openid: there would be no ID token",
                hint: "write openid first, the others behind it")
        }
        guard scopes.allSatisfy(Self.isScope) else {
            throw LatchkeyError(.configuration, "LATCHKEY_OIDC_SCOPES holds a character that no scope has")
        }
        self.issuer = issuer
        self.clientID = clientID
        self.clientSecret = clientSecret
        self.scopes = scopes
        self.userClaim = userClaim
        self.rolesClaim = rolesClaim
        self.name = name ?? "Single sign-on"
    }

    /// `scope-token` of RFC 6749, section 3.3.
    private static func isScope(_ scope: String) -> Bool {
        !scope.isEmpty
            && scope.utf8.allSatisfy {
                (0x21...0x7E).contains($0) && $0 != UInt8(ascii: "\"") && $0 != UInt8(ascii: "\\")
            }
    }
}
