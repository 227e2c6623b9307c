import HTTPTypes
import LatchkeyCore

@testable import LatchkeyServer

/// A browser at a test's service: it keeps the cookie and the token of its session, and sends what a page of ours would.
struct Browser: Sendable {
    let service: TestService
    var origin = "https://keys.example"
    var cookieName = "__Host-latchkey"
    var cookie = ""
    var token = ""

    init(_ service: TestService) { self.service = service }

    /// Signs in by a one-time code, as a user or an administrator.
    init(_ service: TestService, signedInAs user: String, isAdmin: Bool = false) async throws {
        self.init(service)
        let bearer = isAdmin ? TokenForge.admin(user) : TokenForge.user(user)
        let made = try await service.call(.post, "/api/session/codes", bearer: bearer)
        try take(try await show(made["code"]?.string ?? ""))
    }

    func show(_ code: String, _ headers: HTTPFields? = nil) async throws -> Answer {
        try await service.call(
            .post, "/api/session", headers: headers ?? [.origin: origin], json: #"{"code":"\#(code)"}"#)
    }

    mutating func take(_ answer: Answer) throws {
        guard let value = Self.cookie(answer, cookieName), let token = answer["csrf_token"]?.string else {
            throw LatchkeyError(.unauthorized, "the browser was not signed in: \(answer.text)")
        }
        (cookie, self.token) = (value, token)
    }

    /// The value that an answer gives to the cookie.
    static func cookie(_ answer: Answer, _ name: String) -> String? {
        answer.headers[values: .setCookie].first { $0.hasPrefix("\(name)=") }.map {
            String($0.dropFirst(name.count + 1).prefix { $0 != ";" })
        }
    }

    /// What a page of ours sends along.
    var fields: HTTPFields {
        [.cookie: "\(cookieName)=\(cookie)", .origin: origin, .csrfToken: token, .fetchSite: "same-origin"]
    }

    func call(
        _ method: HTTPRequest.Method, _ uri: String, json: String? = nil,
        _ change: (inout HTTPFields) -> Void = { _ in }
    ) async throws -> Answer {
        var headers = fields
        change(&headers)
        return try await service.call(method, uri, headers: headers, json: json)
    }
}
