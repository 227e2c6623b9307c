import HTTPTypes
package import Hummingbird
package import LatchkeyCore
import LatchkeyCrypto

/// What a browser's request proves: whose session it is in, and that a page of ours sent it.
package struct BrowserSessions: Sendable {
    package let sessions: WebSessions
    package let origins: OwnOrigins

    package init(sessions: WebSessions, origins: OwnOrigins) {
        self.sessions = sessions
        self.origins = origins
    }

    /// The session of a request, by its cookie. A credential in a field of its own makes the cookie be ignored: a request
    /// is one caller's.
    ///
    /// - Returns: nil with no cookie, with two, with one that is not good, and beside an `Authorization`.
    /// - Throws: `store_unavailable`.
    package func session(of request: Request) async throws -> WebSession? {
        guard !request.headers.contains(.authorization), let origin = origins.origin(of: request),
            let cookie = SessionCookies(origin).value(in: request.headers)
        else { return nil }
        return try await sessions.verify(cookie)
    }

    /// The session under which a request is carried out. What changes something has to come from a page of ours: a browser
    /// sends cookies along with requests that pages of others make it send.
    ///
    /// - Throws: `csrf_refused`, `store_unavailable`.
    package func caller(of request: Request) async throws -> WebSession? {
        guard let session = try await session(of: request) else { return nil }
        guard request.method != .get, request.method != .head else { return session }
        try requireOwnPage(request)
        try requireToken(request, of: session)
        return session
    }

    /// - Returns: our own origin, which the request says it came from.
    /// - Throws: `forbidden` where our own origin is not known; `csrf_refused` for another one, and for none.
    @discardableResult
    package func requireOwnPage(_ request: Request) throws(LatchkeyError) -> OwnOrigin {
        let own = try requireOwnOrigin(request)
        let origins = request.headers[values: .origin]
        guard origins.count == 1, origins[0].utf8.elementsEqual(own.text.utf8) else {
            throw LatchkeyError(
                .csrfRefused, "the request's Origin is not this service's own",
                hint: "behind a proxy, LATCHKEY_PUBLIC_URL says which that is")
        }
        // Sent by every browser of today, and not in a page's power (W3C Fetch Metadata).
        let sites = request.headers[values: .fetchSite]
        guard sites.allSatisfy({ $0.utf8.elementsEqual("same-origin".utf8) }) else {
            throw LatchkeyError(.csrfRefused, "the request was sent by a page of another origin")
        }
        return own
    }

    /// - Throws: `forbidden`.
    package func requireOwnOrigin(_ request: Request) throws(LatchkeyError) -> OwnOrigin {
        guard let own = origins.origin(of: request) else {
            throw LatchkeyError(
                .forbidden, "browsers are signed in on this machine alone until the service knows its own address",
                hint: "set LATCHKEY_PUBLIC_URL to it, such as https://keys.example.com")
        }
        return own
    }

    /// - Throws: `csrf_refused`.
    package func requireToken(_ request: Request, of session: WebSession) throws(LatchkeyError) {
        let tokens = request.headers[values: .csrfToken]
        guard tokens.count == 1, GrantKey.constantTimeEquals(Array(tokens[0].utf8), session.csrfToken) else {
            throw LatchkeyError(
                .csrfRefused, "the request does not carry its session's X-CSRF-Token",
                hint: "GET /api/session says it")
        }
    }
}

extension HTTPField.Name {
    static let csrfToken = HTTPField.Name("X-CSRF-Token") ?? .server
    static let fetchSite = HTTPField.Name("Sec-Fetch-Site") ?? .server
}
