import HTTPTypes
import Hummingbird
import LatchkeyCore
import Logging

/// The two addresses of a sign-in with an OpenID Connect provider: where it begins, and where the provider sends the
/// browser back to. A person looks at what they answer, so whatever goes wrong leads to the sign-in page, which says it.
struct OIDCRoutes: Sendable {
    /// nil: no provider is configured.
    let signIn: OIDCSignIn?
    let browsers: BrowserSessions

    func add(to table: inout RouteTable) {
        table.add(.get, OIDCSignIn.start, .anyone, start)
        table.add(.get, OIDCSignIn.callback, .anyone, callback)
    }

    @Sendable private func start(_ request: Request, _ context: LatchkeyRequestContext) async throws -> Response {
        let signIn = try configured()
        do {
            let origin = try origin(of: request)
            let begun = try await signIn.begin(next: Self.next(request), origin: origin.text)
            var response = Self.redirect(to: begun.location)
            AttemptCookie(origin: origin).set(begun.cookie, in: &response.headers)
            return response
        } catch {
            return failed(error, context)
        }
    }

    @Sendable private func callback(_ request: Request, _ context: LatchkeyRequestContext) async throws -> Response {
        let signIn = try configured()
        var response: Response
        do { response = try await end(signIn, request, context) } catch { response = failed(error, context) }
        // Whatever came of it: an attempt is for one answer.
        if let origin = browsers.origins.origin(of: request) {
            AttemptCookie(origin: origin).clear(in: &response.headers)
        }
        return response
    }

    private func end(
        _ signIn: OIDCSignIn, _ request: Request, _ context: LatchkeyRequestContext
    ) async throws -> Response {
        let origin = try origin(of: request)
        let answer = try AuthorizationResponse(query: request.uri.query ?? "")
        let ended = try await signIn.end(answer, cookie: AttemptCookie(origin: origin).value(in: request.headers))
        let identity = ended.identity
        let caller = Caller(
            identity.isAdmin ? .admin(identity.id) : .user(identity.id), requestID: context.requestID)
        let made = try await browsers.sessions.create(
            user: identity.id, isAdmin: identity.isAdmin, method: "oidc", by: caller)
        var response = Self.redirect(to: ended.next.text)
        SessionCookies(origin).set(made, at: browsers.sessions.vault.clock.now(), in: &response.headers)
        return response
    }

    private func configured() throws(LatchkeyError) -> OIDCSignIn {
        guard let signIn else {
            throw LatchkeyError(
                .notFound, "no OpenID Connect provider is set up here", hint: "LATCHKEY_OIDC_ISSUER names one")
        }
        return signIn
    }

    private func origin(of request: Request) throws(OIDCFailure) -> OwnOrigin {
        guard let origin = browsers.origins.origin(of: request) else {
            throw OIDCFailure(.publicURLMissing, "LATCHKEY_PUBLIC_URL is not set, and this is not this machine")
        }
        return origin
    }

    /// A `next` that is none of our pages is no reason not to sign in: it is left aside.
    private static func next(_ request: Request) -> PagePath {
        let given = FormText.decode(request.uri.query ?? "", known: ["next"])?["next"]
        return given.flatMap { PagePath($0) } ?? .start
    }

    private static func redirect(to location: String) -> Response {
        Response(status: .seeOther, headers: [.location: location])
    }

    private func failed(_ error: any Error, _ context: LatchkeyRequestContext) -> Response {
        let failure =
            error as? OIDCFailure
            ?? OIDCFailure(
                .serviceUnavailable, "the session could not be begun: \(LatchkeyError.from(error).code.rawValue)")
        context.logger.log(
            level: failure.code.isOfTheBrowser ? .info : .warning, "a sign-in did not come about",
            metadata: [
                "request_id": "\(context.requestID)", "code": "\(failure.code.rawValue)",
                "reason": "\(failure.reason)",
            ])
        return Self.redirect(to: "/ui/sign-in#error=\(failure.code.rawValue)")
    }
}

extension OIDCFailure.Code {
    /// What anybody can bring about who opens an address, and an operator need not look at.
    fileprivate var isOfTheBrowser: Bool {
        switch self {
        case .accessDenied, .signInExpired, .stateMismatch, .invalidResponse: true
        default: false
        }
    }
}
