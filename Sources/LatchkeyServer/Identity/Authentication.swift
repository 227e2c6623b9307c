import HTTPTypes
import Hummingbird
package import LatchkeyCore
package import LatchkeyCrypto

/// Who is calling, from the request's header fields alone.
///
/// Three credentials come as a bearer token: a signed-in user's JWT, an access token (`lk_…`), which may do what its scopes
/// say, and the configured service token. A browser that is signed in to our own pages has a cookie, which stands for a
/// JWT, and is looked at where there is no `Authorization` alone. Only a signed-in user ever is an administrator, and only
/// one makes, rolls or revokes access tokens: a stolen token cannot make itself a successor.
package struct Authentication: Sendable {
    let verifier: TokenVerifier
    private let serviceToken: SharedSecret?
    /// nil: there are none, and whatever looks like one is refused.
    package let accessTokens: AccessTokens?
    /// nil: no browser is signed in, and cookies are not looked at.
    package let browsers: BrowserSessions?
    private let trustedProxies: [Network]

    package init(
        verifier: TokenVerifier, serviceToken: SharedSecret?, accessTokens: AccessTokens? = nil,
        browsers: BrowserSessions? = nil, trustedProxies: [Network] = []
    ) {
        self.verifier = verifier
        self.serviceToken = serviceToken
        self.accessTokens = accessTokens
        self.browsers = browsers
        self.trustedProxies = trustedProxies
    }

    /// The signed-in user, by a JWT or a browser's session.
    ///
    /// - Throws: `unauthorized`; `csrf_refused`; `user_id_not_allowed` when the request tries to name a user beside its
    ///   token; `store_unavailable`.
    func user(_ request: Request) async throws -> VerifiedIdentity {
        let identity = try await signedIn(request)
        try refuseNamedUser(request)
        return identity
    }

    /// The signed-in user, by a JWT and nothing else.
    ///
    /// - Throws: `unauthorized`, `user_id_not_allowed`.
    func tokenUser(_ request: Request) throws(LatchkeyError) -> VerifiedIdentity {
        guard let token = Self.bearer(request), let identity = verifier.verify(token) else {
            throw Problem.unauthorized
        }
        try refuseNamedUser(request)
        return identity
    }

    /// An administrator, by a JWT with the role `admin` or the session of one. No access token ever is one.
    ///
    /// - Throws: `unauthorized`; `csrf_refused`; `forbidden` for a user who is no administrator; `store_unavailable`.
    func admin(_ request: Request) async throws -> VerifiedIdentity {
        let identity = try await signedIn(request)
        guard identity.isAdmin else { throw LatchkeyError(.forbidden, "this needs an administrator") }
        return identity
    }

    /// The one place where a cookie is believed.
    private func signedIn(_ request: Request) async throws -> VerifiedIdentity {
        if let token = Self.bearer(request) {
            guard let identity = verifier.verify(token) else { throw Problem.unauthorized }
            return identity
        }
        guard let session = try await browsers?.caller(of: request) else { throw Problem.unauthorized }
        return VerifiedIdentity(session)
    }

    /// The set-up token, or an administrator.
    ///
    /// - Throws: `unauthorized`, `csrf_refused`, `forbidden` for a user who is no administrator, `setup_closed`,
    ///   `store_unavailable`.
    func setup(_ request: Request, gate: SetupGate) async throws -> Actor {
        if let token = Self.setupToken(request) ?? Self.bearer(request) {
            if gate.accepts(Secret(copying: token)) {
                guard try await !gate.isFinished() else { throw DeploymentFact.setupFinished.refusal }
                return .setup
            }
            guard let identity = verifier.verify(token) else { throw Problem.unauthorized }
            return try Self.setup(by: identity)
        }
        guard !request.headers.contains(.setupToken) else { throw Problem.unauthorized }
        return try Self.setup(by: try await signedIn(request))
    }

    private static func setup(by identity: VerifiedIdentity) throws(LatchkeyError) -> Actor {
        guard identity.isAdmin else {
            throw LatchkeyError(.forbidden, "this needs an administrator or the set-up token")
        }
        return .admin(identity.id)
    }

    /// Whether it is the configured service token; compared in constant time.
    func isServiceToken(_ credential: [UInt8]) -> Bool {
        guard let serviceToken else { return false }
        return serviceToken.secret.constantTimeEquals(Secret(copying: credential))
    }

    /// A second way to say who the user is would sooner or later be believed somewhere.
    func refuseNamedUser(_ request: Request) throws(LatchkeyError) {
        for field in request.headers where Self.userFields.contains(field.name.canonicalName) {
            throw LatchkeyError(
                .userIDNotAllowed, "the user is the token's; the header \(field.name.canonicalName) is refused")
        }
        if request.query("user_id") != nil {
            throw LatchkeyError(.userIDNotAllowed, "the user is the token's; a user_id in the query is refused")
        }
    }

    private static let userFields: Set<String> = [
        "x-user-id", "user-id", "x-user_id", "user_id", "x-userid", "x-user", "latchkey-user",
    ]

    /// Where the request comes from, asked for only where a token is bound to networks.
    func address(of request: Request, _ context: LatchkeyRequestContext) -> NetworkAddress? {
        CallerAddress.find(
            peer: context.peer, forwardedFor: request.headers[values: .forwardedFor], trusted: trustedProxies)
    }

    /// The token of the one `Authorization: Bearer` field (RFC 6750, section 2.1); nil with none, two or another scheme.
    static func bearer(_ request: Request) -> [UInt8]? {
        let fields = request.headers[values: .authorization]
        guard fields.count == 1 else { return nil }
        let bytes = Array(fields[0].utf8)
        guard bytes.count > 7, bytes[6] == UInt8(ascii: " "),
            zip(bytes, "bearer".utf8).allSatisfy({ $0 | 0x20 == $1 })
        else { return nil }
        return Array(bytes[7...])
    }

    private static func setupToken(_ request: Request) -> [UInt8]? {
        let fields = request.headers[values: .setupToken]
        return fields.count == 1 ? Array(fields[0].utf8) : nil
    }
}
