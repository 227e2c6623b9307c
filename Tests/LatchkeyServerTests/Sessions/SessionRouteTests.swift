import HTTPTypes
import LatchkeyCore
import LatchkeyCrypto
import Testing

@testable import LatchkeyServer

/// Signing a browser in and out.
struct SessionRouteTests {
    @Test func `a code signs a browser in, and the session says who`() async throws {
        let service = try await TestService()
        let made = try await service.call(.post, "/api/session/codes", bearer: TokenForge.user("owner"))
        #expect(made.outcome == "201")
        let code = try #require(made["code"]?.string)
        #expect(code.hasPrefix("lkc_"))
        #expect(made["url"]?.string == "https://keys.example/ui/sign-in#code=\(code)")
        #expect(made["expires_at"]?.string == "2026-01-01T00:01:00Z")
        var browser = Browser(service)
        let signedIn = try await browser.show(code)
        #expect(signedIn.outcome == "200")
        try browser.take(signedIn)
        let asked = try await browser.call(.get, "/api/session")
        for answer in [signedIn, asked] {
            #expect(answer["signed_in"]?.boolean == true)
            #expect(answer["user_id"]?.string == "owner")
            #expect(answer["is_admin"]?.boolean == false)
            #expect(answer["expires_at"]?.string == "2026-01-01T08:00:00Z")
            #expect(answer["csrf_token"]?.string == browser.token)
            #expect(answer["setup_finished"]?.boolean == false)
        }
        #expect(asked.headers[.setCookie] == nil)
        #expect(try await browser.show(code).outcome == "401 invalid_code")
    }

    @Test func `who is not signed in is told so, and where to sign in`() async throws {
        let service = try await TestService()
        try await service.gate.finish(by: Caller(.cli))
        for cookie in ["", "__Host-latchkey=", "__Host-latchkey=lks_aaaaaaaaaaaaaaaa_x", "latchkey=x", ";;= ;"] {
            let answer = try await service.call(.get, "/api/session", headers: [.cookie: cookie])
            #expect(answer.text == #"{"signed_in":false,"setup_finished":true,"oidc":null}"#)
            #expect(answer.outcome == "200")
        }
    }

    @Test func `the cookie is for this host, for TLS, for no script and for no other site`() async throws {
        let service = try await TestService()
        let made = try await service.call(.post, "/api/session/codes", bearer: TokenForge.user("owner"))
        let answer = try await Browser(service).show(made["code"]?.string ?? "")
        let cookies = answer.headers[values: .setCookie]
        #expect(cookies.count == 1)
        let value = try #require(Browser.cookie(answer, "__Host-latchkey"))
        #expect(
            cookies
                == ["__Host-latchkey=\(value); Path=/; Max-Age=28800; HttpOnly; SameSite=Strict; Secure"])
        #expect(!answer.text.contains(value))
    }

    @Test func `on this machine the cookie has another name, and the origin is what was asked for`() async throws {
        // The router's test client asks for the host localhost.
        let service = try await TestService(TestService.Options(publicURL: nil))
        let made = try await service.call(.post, "/api/session/codes", bearer: TokenForge.user("owner"))
        let code = try #require(made["code"]?.string)
        #expect(made["url"]?.string == "http://localhost/ui/sign-in#code=\(code)")
        var browser = Browser(service)
        #expect(try await browser.show(code).outcome == "403 csrf_refused")
        browser.origin = "http://localhost"
        browser.cookieName = "latchkey"
        let answer = try await browser.show(code)
        #expect(answer.headers[values: .setCookie].allSatisfy { !$0.contains("Secure") })
        try browser.take(answer)
        #expect(try await browser.call(.get, "/api/session")["signed_in"]?.boolean == true)
        #expect(try await browser.call(.get, "/api/api-keys/status").outcome == "200")
        browser.cookieName = "__Host-latchkey"
        #expect(try await browser.call(.get, "/api/session")["signed_in"]?.boolean == false)
    }

    @Test func `signing out ends the session and takes the cookie away`() async throws {
        let service = try await TestService()
        let browser = try await Browser(service, signedInAs: "owner")
        let answer = try await browser.call(.delete, "/api/session")
        #expect(answer.outcome == "204")
        #expect(
            answer.headers[values: .setCookie] == [
                "__Host-latchkey=; Path=/; Max-Age=0; HttpOnly; SameSite=Strict; Secure"
            ])
        #expect(try await browser.call(.get, "/api/session")["signed_in"]?.boolean == false)
        #expect(try await browser.call(.get, "/api/api-keys/status").outcome == "401 unauthorized")
        // Once more changes nothing: a browser whose session ended long ago gets rid of its cookie too.
        #expect(try await browser.call(.delete, "/api/session").outcome == "204")
        #expect(try await service.store.events(limit: 100).filter { $0.action == .signOut }.count == 1)
    }

    @Test func `signing in again ends the session before`() async throws {
        let service = try await TestService()
        let before = try await Browser(service, signedInAs: "owner")
        let made = try await service.call(.post, "/api/session/codes", bearer: TokenForge.user("other"))
        var after = before
        try after.take(try await before.show(made["code"]?.string ?? "", before.fields))
        #expect(try await before.call(.get, "/api/session")["signed_in"]?.boolean == false)
        #expect(try await after.call(.get, "/api/session")["user_id"]?.string == "other")
    }

    @Test(arguments: [
        #"{}"#, #"{"code":null}"#, #"{"code":7}"#, #"{"code":"x","more":1}"#, #"{"code":"x","code":"y"}"#, "[]", "{",
        "",
    ])
    func `a body that is no code is refused`(json: String) async throws {
        let service = try await TestService()
        let answer = try await service.call(
            .post, "/api/session", headers: [.origin: "https://keys.example"], json: json)
        #expect(answer.status == 400)
        #expect(answer.headers[.setCookie] == nil)
    }

    @Test(arguments: ["", "lkc_", "lks_aaaaaaaaaaaaaaaa_oKGio6SlpqeoqaqrrK2ur7CxsrO0tba3uLm6u7y9vr8", "x", "caf\u{e9}"])
    func `every wrong code is refused with one answer`(code: String) async throws {
        let service = try await TestService()
        let answer = try await Browser(service).show(code)
        #expect(answer.outcome == "401 invalid_code")
        #expect(answer.headers[.setCookie] == nil)
    }

    @Test(arguments: [
        "application/x-www-form-urlencoded", "text/plain", "multipart/form-data; boundary=x", "text/json",
    ])
    func `what a form can send signs nobody in`(type: String) async throws {
        let service = try await TestService()
        let made = try await service.call(.post, "/api/session/codes", bearer: TokenForge.user("owner"))
        let answer = try await service.call(
            .post, "/api/session", headers: [.origin: "https://keys.example", .contentType: type],
            json: #"{"code":"\#(made["code"]?.string ?? "")"}"#)
        #expect(answer.outcome == "415 unsupported_media_type")
        #expect(answer.headers[.setCookie] == nil)
    }

    @Test func `no session, access token or service token makes a code`() async throws {
        let service = try await TestService()
        let browser = try await Browser(service, signedInAs: "owner", isAdmin: true)
        #expect(try await browser.call(.post, "/api/session/codes").outcome == "401 unauthorized")
        let token = try await service.tokens.create(
            AccessTokenRequest(scopes: [.manage, .status, .gateway]), of: .user(try UserID("owner")), by: Caller(.cli))
        let text = token.text.secret.withUnsafeBytes { String(decoding: $0, as: UTF8.self) }
        for bearer in [text, TestService.serviceToken, TestService.setupToken] {
            let answer = try await service.call(.post, "/api/session/codes", bearer: bearer)
            #expect(answer.outcome == "401 unauthorized")
        }
    }
}
