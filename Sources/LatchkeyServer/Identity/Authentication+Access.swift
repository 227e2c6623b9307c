import HTTPTypes
import Hummingbird
package import LatchkeyCore

/// A user whose keys a request is about, and what the request may do with them.
struct AuthenticatedUser: Sendable {
    let id: UserID
    /// What the request's access token grants; nil for a JWT and for a session.
    let grant: AccessGrant?
    /// Who asks: the user, or a service that acts for the user.
    let actor: Actor

    func allows(_ provider: ProviderID) -> Bool { grant?.allows(provider) ?? true }

    /// - Throws: `forbidden` where the access token is for other providers.
    func require(_ provider: ProviderID) throws(LatchkeyError) {
        guard allows(provider) else {
            throw LatchkeyError(.forbidden, "the access token is not for \(provider.text)")
        }
    }

    /// - Throws: `forbidden` where the access token is for certain providers, and what is asked concerns all.
    func requireEveryProvider() throws(LatchkeyError) {
        guard grant?.providers.isEmpty ?? true else {
            throw LatchkeyError(.forbidden, "the access token is for certain providers, and this concerns all")
        }
    }
}

/// Whom a service's route serves.
enum ServiceCaller: Sendable {
    /// The configured service token, or a service's access token: it names the user it acts for.
    case service(AccessGrant?)
    /// A user's own access token: it is about that user, and nobody else.
    case user(UserID, AccessGrant)

    var actor: Actor {
        switch self {
        case .service: .service
        case .user(let id, _): .user(id)
        }
    }

    var grant: AccessGrant? {
        switch self {
        case .service(let grant): grant
        case .user(_, let grant): grant
        }
    }
}

// By an access token too
extension Authentication {
    /// The user a request is about: a signed-in user by JWT or session; or by an access token of that scope its user, or,
    /// for a token of the service, whom `Latchkey-User` names.
    ///
    /// - Throws: `unauthorized`; `csrf_refused`; `forbidden` for a token without the scope; `user_id_not_allowed`, `missing_user`,
    ///   `invalid_user_id` for what is said of the user; `store_unavailable`.
    func user(
        _ request: Request, _ context: LatchkeyRequestContext, scope: AccessGrant.Scope
    ) async throws -> AuthenticatedUser {
        guard let token = Self.bearer(request), AccessToken.hasForm(token) else {
            let identity = try await user(request)
            return AuthenticatedUser(id: identity.id, grant: nil, actor: .user(identity.id))
        }
        let grant = try await grant(token, from: address(of: request, context), scope: scope)
        switch grant.holder {
        case .user(let id):
            try refuseNamedUser(request)
            return AuthenticatedUser(id: id, grant: grant, actor: .user(id))
        case .service:
            let fields = request.headers[values: .latchkeyUser]
            guard fields.count <= 1 else {
                throw LatchkeyError(.userIDNotAllowed, "the header Latchkey-User is there twice")
            }
            return AuthenticatedUser(
                id: try Self.named(fields.first.map { Array($0.utf8) }), grant: grant, actor: .service)
        }
    }

    /// The app's back end: by the configured service token, or an access token of that scope.
    ///
    /// - Throws: `unauthorized`; `forbidden` for a token without the scope; `store_unavailable`.
    func service(
        _ request: Request, _ context: LatchkeyRequestContext, scope: AccessGrant.Scope
    ) async throws -> ServiceCaller {
        guard let token = Self.bearer(request) else { throw Problem.unauthorized }
        if isServiceToken(token) { return .service(nil) }
        guard AccessToken.hasForm(token) else { throw Problem.unauthorized }
        let grant = try await grant(token, from: address(of: request, context), scope: scope)
        switch grant.holder {
        case .user(let id): return .user(id, grant)
        case .service: return .service(grant)
        }
    }

    /// - Throws: `unauthorized` for every cause that is the token's; `forbidden` for one that is good and lacks the scope.
    private func grant(
        _ token: [UInt8], from address: @autoclosure () -> NetworkAddress?, scope: AccessGrant.Scope
    ) async throws -> AccessGrant {
        guard let grant = try await accessTokens?.verify(token, from: address()) else { throw Problem.unauthorized }
        guard grant.scopes.contains(scope) else {
            throw LatchkeyError(.forbidden, "the access token lacks the scope \(scope.rawValue)")
        }
        return grant
    }

    /// - Throws: `missing_user`, `invalid_user_id`.
    private static func named(_ user: [UInt8]?) throws(LatchkeyError) -> UserID {
        guard let user else {
            throw LatchkeyError(
                .missingUser, "a service says for whom it acts, and there is no header Latchkey-User",
                hint: "send Latchkey-User: and the user's id")
        }
        return try UserID(user)
    }
}

extension Authentication: GatewayAuthentication {
    package func gatewayCaller(
        credential: [UInt8], actingFor user: [UInt8]?, from address: NetworkAddress?
    ) async throws -> GatewayCaller {
        if AccessToken.hasForm(credential) {
            let grant = try await grant(credential, from: address, scope: .gateway)
            switch grant.holder {
            case .user(let id):
                try Self.refuse(user)
                return GatewayCaller(user: id, grant: grant, actor: .user(id))
            case .service: return GatewayCaller(user: try Self.named(user), grant: grant, actor: .service)
            }
        }
        if isServiceToken(credential) { return GatewayCaller(user: try Self.named(user), actor: .service) }
        guard let identity = verifier.verify(credential) else { throw Problem.unauthorized }
        try Self.refuse(user)
        return GatewayCaller(user: identity.id, actor: .user(identity.id))
    }

    private static func refuse(_ user: [UInt8]?) throws(LatchkeyError) {
        guard user == nil else {
            throw LatchkeyError(.userIDNotAllowed, "the user is the token's; the header latchkey-user is refused")
        }
    }
}

extension HTTPField.Name {
    static let latchkeyUser = made("Latchkey-User")
    static let forwardedFor = made("X-Forwarded-For")
    private static func made(_ name: String) -> HTTPField.Name { HTTPField.Name(name) ?? .server }
}
