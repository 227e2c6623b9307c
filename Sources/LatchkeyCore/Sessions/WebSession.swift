package import LatchkeyCrypto

/// A browser that is signed in. Its row's MAC was checked before this was made.
package struct WebSession: Sendable, Equatable {
    /// The public part of the cookie: what logs and the audit log may say.
    package let id: String
    package let user: UserID
    package let isAdmin: Bool
    /// How the user signed in: `code`, `oidc`.
    package let method: String
    package let createdAt: Timestamp
    package let expiresAt: Timestamp
    /// What a page of ours sends along with whatever changes something: 43 characters of base64url, derived from the
    /// cookie's secret and good for this session alone.
    package let csrfToken: [UInt8]
}

/// What a one-time code signs in: kept for the moments until the browser shows it.
package struct SignInCode: Sendable {
    /// `lkc_<id>_<secret>`, not kept anywhere.
    package let text: SharedSecret
    package let expiresAt: Timestamp
}
