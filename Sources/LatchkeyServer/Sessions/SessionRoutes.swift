import HTTPTypes
import Hummingbird
import LatchkeyCore
import LatchkeyCrypto

/// Where users may sign in beside the one-time code: what a page of ours shows as a button.
package struct SignInProvider: Sendable {
    package let name: String
    /// A path of ours that leads there.
    package let url: String

    package init(name: String, url: String) {
        self.name = name
        self.url = url
    }
}

/// Browsers signed in and out. Every route here is for pages of ours, but the one that makes a one-time code.
struct SessionRoutes: Sendable {
    let browsers: BrowserSessions
    let authentication: Authentication
    let gate: SetupGate
    let provider: SignInProvider?

    func add(to table: inout RouteTable) {
        table.add(.get, "/api/session", .anyone, state)
        table.add(.post, "/api/session", .page, signIn)
        table.add(.delete, "/api/session", .page, signOut)
        table.add(.post, "/api/session/codes", .user, makeCode)
    }

    @Sendable private func state(_ request: Request, _ context: LatchkeyRequestContext) async throws -> Response {
        try await answer(try await browsers.session(of: request))
    }

    @Sendable private func signIn(_ request: Request, _ context: LatchkeyRequestContext) async throws -> Response {
        // Also for signing in: a page of others could else sign its visitor in as somebody else.
        let cookies = SessionCookies(try browsers.requireOwnPage(request))
        var members = try await request.json()
        let code = try members.required("code", try members.bytes("code"))
        try members.finish()
        let before = try await browsers.session(of: request)
        guard let made = try await browsers.sessions.redeem(code, requestID: context.requestID) else {
            throw LatchkeyError(
                .invalidCode, "the sign-in code is wrong, used or more than a minute old",
                hint: "ask for a new link")
        }
        if let before { try await end(before, context) }
        var response = try await answer(made.session)
        cookies.set(made, at: browsers.sessions.vault.clock.now(), in: &response.headers)
        return response
    }

    @Sendable private func signOut(_ request: Request, _ context: LatchkeyRequestContext) async throws -> Response {
        let cookies = SessionCookies(try browsers.requireOwnPage(request))
        // Who shows something else is in no session, and is not told that one ended.
        guard !request.headers.contains(.authorization) else { throw Problem.unauthorized }
        if let session = try await browsers.caller(of: request) { try await end(session, context) }
        try await request.noMembers()
        var response = Response(status: .noContent)
        cookies.clear(in: &response.headers)
        return response
    }

    /// For who holds a JWT, and not for a session: none makes itself a successor.
    @Sendable private func makeCode(_ request: Request, _ context: LatchkeyRequestContext) async throws -> Response {
        let identity = try authentication.tokenUser(request)
        try await request.noMembers()
        let origin = try browsers.requireOwnOrigin(request)
        let code = try await browsers.sessions.makeCode(
            user: identity.id, isAdmin: identity.isAdmin,
            by: Caller(.user(identity.id), requestID: context.requestID))
        return Response.json(status: .created) { writer in
            code.text.secret.withUnsafeBytes { text in
                writer.object { writer in
                    writer.name("code")
                    writer.value(utf8: text)
                    // Behind the #, so that it goes to no server and into no log of one.
                    writer.member("url", "\(origin.text)/ui/sign-in#code=\(String(decoding: text, as: UTF8.self))")
                    writer.member("expires_at", code.expiresAt)
                }
            }
        }
    }

    private func end(_ session: WebSession, _ context: LatchkeyRequestContext) async throws {
        let actor: Actor = session.isAdmin ? .admin(session.user) : .user(session.user)
        try await browsers.sessions.end(session, by: Caller(actor, requestID: context.requestID))
    }

    private func answer(_ session: WebSession?) async throws -> Response {
        let isSetUp = try await gate.isFinished()
        return Response.json { writer in
            writer.object { writer in
                writer.member("signed_in", session != nil)
                writer.member("setup_finished", isSetUp)
                if let session {
                    Self.write(session, to: &writer)
                } else {
                    write(provider, to: &writer)
                }
            }
        }
    }

    private static func write(_ session: WebSession, to writer: inout JSONWriter) {
        writer.member("user_id", session.user.text)
        writer.member("is_admin", session.isAdmin)
        writer.member("expires_at", session.expiresAt)
        writer.name("csrf_token")
        session.csrfToken.withUnsafeBytes { writer.value(utf8: $0) }
    }

    private func write(_ provider: SignInProvider?, to writer: inout JSONWriter) {
        writer.name("oidc")
        guard let provider else { return writer.null() }
        writer.object { writer in
            writer.member("name", provider.name)
            writer.member("url", provider.url)
        }
    }
}
