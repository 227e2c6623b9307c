import Crypto
import Foundation
import LatchkeyCore
import LatchkeyCrypto
import LatchkeyTesting
import Testing

@testable import LatchkeyServer

/// The whole flow, past HTTP: what goes to the provider, and which answers end in an identity.
struct OIDCSignInTests {
    private let issuer = ScriptedIssuer()
    private let clock = TestClock()
    private let keyring: RootKeyring

    init() throws {
        let root = try RootText.generate(kid: 1).withUnsafeBytes { try RootText.parse($0) }
        keyring = try RootKeyring(roots: [root]) { 0 }
    }

    private func signIn(_ rules: OIDCRules? = nil) throws -> OIDCSignIn {
        let clock = clock.clock
        return OIDCSignIn(
            rules: try rules ?? ScriptedIssuer.rules(), transport: issuer, keyring: keyring, clock: clock
        ) { UInt64(clock.now().unixSeconds) }
    }

    /// What was sent along with the browser.
    private func parameters(_ begun: OIDCSignIn.Begun) throws -> [String: String] {
        let query = try #require(begun.location.split(separator: "?", maxSplits: 1).last)
        let names: Set<String> = [
            "response_type", "client_id", "redirect_uri", "scope", "state", "nonce", "code_challenge",
            "code_challenge_method",
        ]
        return try #require(FormText.decode(query, known: names)).mapValues { String(decoding: $0, as: UTF8.self) }
    }

    private func begin(_ signIn: OIDCSignIn) async throws -> (begun: OIDCSignIn.Begun, sent: [String: String]) {
        let begun = try await signIn.begin(next: PagePath.start, origin: ScriptedIssuer.origin)
        return (begun, try parameters(begun))
    }

    private func answerTokens(nonce: String, members: String = "", _ changes: [String: String] = [:]) throws {
        let claims = IDTokenForge.claims(["nonce": "\"\(nonce)\""].merging(changes) { $1 })
        let token = String(decoding: try IDTokenForge.token(issuer.key, claims: claims), as: UTF8.self)
        let body = #"{"access_token":"a","token_type":"Bearer","id_token":"\#(token)"\#(members)}"#
        issuer.change { $0.tokenAnswer = OIDCAnswer(status: 200, body: Array(body.utf8)) }
    }

    private func code(_ body: () async throws -> Void) async -> OIDCFailure.Code? {
        do { try await body() } catch { return (error as? OIDCFailure)?.code }
        return nil
    }

    private func form(_ request: OIDCRequest) throws -> [String: String] {
        let names: Set<String> = ["grant_type", "code", "redirect_uri", "code_verifier", "client_id", "client_secret"]
        return try #require(FormText.decode(request.form ?? "", known: names)).mapValues {
            String(decoding: $0, as: UTF8.self)
        }
    }

    @Test func `a sign-in ends with who it is, and the provider was told what it has to be told`() async throws {
        let signIn = try signIn(ScriptedIssuer.rules(secret: "s:1 &ü"))
        let (begun, sent) = try await begin(signIn)
        #expect(begun.location.hasPrefix("https://login.example.com/authorize?response_type=code&"))
        #expect(sent["client_id"] == ScriptedIssuer.clientID && sent["scope"] == "openid")
        #expect(sent["redirect_uri"] == "https://keys.example.com/ui/oidc/callback")
        let (state, nonce) = (try #require(sent["state"]), try #require(sent["nonce"]))
        try answerTokens(nonce: nonce)
        let ended = try await signIn.end(
            AuthorizationResponse(query: "code=c%2B1&state=\(state)&session_state=x"), cookie: begun.cookie)
        #expect(ended.identity.id.text == "alice" && ended.next.text == "/ui/")
        let request = try #require(issuer.requests(to: "/token").last)
        let form = try form(request)
        #expect(form["grant_type"] == "authorization_code" && form["code"] == "c+1")
        #expect(form["redirect_uri"] == sent["redirect_uri"] && form["client_secret"] == nil)
        let digest = SHA256.hash(data: Data(try #require(form["code_verifier"]).utf8))
        #expect(sent["code_challenge"] == TokenForge.base64URL(Array(digest)))
        #expect(sent["code_challenge_method"] == "S256")
        let basic = Data("latchkey-pages:s%3A1%20%26%C3%BC".utf8).base64EncodedString()
        #expect(request.authorization == "Basic \(basic)")
    }

    @Test func `a secret goes into the form where the provider wants it there, and a public client has none`()
        async throws
    {
        issuer.change { $0.metadata = ["token_endpoint_auth_methods_supported": #"["client_secret_post"]"#] }
        for (secret, expected) in [("s3", "s3"), (nil, nil)] as [(String?, String?)] {
            let signIn = try signIn(ScriptedIssuer.rules(secret: secret))
            let (begun, sent) = try await begin(signIn)
            try answerTokens(nonce: try #require(sent["nonce"]))
            let response = try AuthorizationResponse(query: "code=c&state=\(try #require(sent["state"]))")
            _ = try await signIn.end(response, cookie: begun.cookie)
            let request = try #require(issuer.requests(to: "/token").last)
            let form = try form(request)
            #expect(request.authorization == nil && form["client_secret"] == expected)
            #expect(form["client_id"] == ScriptedIssuer.clientID)
        }
    }

    @Test func `an answer without this browser's attempt ends nothing, and no code is shown to the provider`()
        async throws
    {
        let signIn = try signIn()
        let (begun, sent) = try await begin(signIn)
        let (other, otherSent) = try await begin(signIn)
        let state = try #require(sent["state"])
        try answerTokens(nonce: try #require(sent["nonce"]))
        for (cookie, state, expected) in [
            (nil, state, .signInExpired), (Array("1.x".utf8), state, .signInExpired), ([], state, .signInExpired),
            (other.cookie, state, .stateMismatch), (begun.cookie, try #require(otherSent["state"]), .stateMismatch),
            (begun.cookie, state + "x", .stateMismatch), (begun.cookie, String(state.dropLast()), .stateMismatch),
        ] as [([UInt8]?, String, OIDCFailure.Code)] {
            for query in ["code=c&state=\(state)", "error=access_denied&state=\(state)"] {
                let failure = await code {
                    _ = try await signIn.end(AuthorizationResponse(query: query), cookie: cookie)
                }
                #expect(failure == expected)
            }
        }
        clock.advance(seconds: 601)
        let late = await code {
            _ = try await signIn.end(AuthorizationResponse(query: "code=c&state=\(state)"), cookie: begun.cookie)
        }
        #expect(late == .signInExpired)
        #expect(issuer.requests(to: "/token").isEmpty)
    }

    @Test func `an answer of another issuer ends nothing`() async throws {
        for (names, issuerParameter, expected) in [
            ("", "", nil), ("", ScriptedIssuer.issuer, nil), ("", "https://evil.example", .issuerMismatch),
            ("true", "", .issuerMismatch), ("true", ScriptedIssuer.issuer, nil),
            ("true", ScriptedIssuer.issuer + "/", .issuerMismatch),
        ] as [(String, String, OIDCFailure.Code?)] {
            issuer.change { $0.metadata = ["authorization_response_iss_parameter_supported": names] }
            let signIn = try signIn()
            let (begun, sent) = try await begin(signIn)
            try answerTokens(nonce: try #require(sent["nonce"]))
            let end = issuerParameter.isEmpty ? "" : "&iss=\(FormText.encode(issuerParameter))"
            let before = issuer.requests(to: "/token").count
            let failure = await code {
                let query = "code=c&state=\(sent["state"] ?? "")\(end)"
                _ = try await signIn.end(AuthorizationResponse(query: query), cookie: begun.cookie)
            }
            #expect(failure == expected, "\(names) \(issuerParameter)")
            #expect(issuer.requests(to: "/token").count == before + (expected == nil ? 1 : 0))
        }
    }

    @Test func `an ID token of another sign-in ends nothing`() async throws {
        let signIn = try signIn()
        let (begun, sent) = try await begin(signIn)
        let (_, otherSent) = try await begin(signIn)
        try answerTokens(nonce: try #require(otherSent["nonce"]))
        let failure = await code {
            let query = "code=c&state=\(sent["state"] ?? "")"
            _ = try await signIn.end(AuthorizationResponse(query: query), cookie: begun.cookie)
        }
        #expect(failure == .idTokenRefused)
    }

    @Test func `a key that is new is found, and one that is not published is refused`() async throws {
        let signIn = try signIn()
        issuer.change { $0.keys = [JWKSet.ec(P256.Signing.PrivateKey().publicKey, kid: "older")] }
        let (begun, sent) = try await begin(signIn)
        try answerTokens(nonce: try #require(sent["nonce"]))
        let response = try AuthorizationResponse(query: "code=c&state=\(try #require(sent["state"]))")
        #expect(await code { _ = try await signIn.end(response, cookie: begun.cookie) } == .idTokenRefused)
        issuer.change { [key = issuer.key] in $0.keys = [JWKSet.ec(key.publicKey, kid: "one")] }
        #expect(try await signIn.end(response, cookie: begun.cookie).identity.id.text == "alice")
    }

    @Test func `what the token endpoint answers is judged`() async throws {
        let signIn = try signIn()
        let (begun, sent) = try await begin(signIn)
        let response = try AuthorizationResponse(query: "code=c&state=\(try #require(sent["state"]))")
        for (status, body, expected) in [
            (400, #"{"error":"invalid_grant"}"#, .providerRefused), (401, "<html>", .providerRefused),
            (302, "", .providerRefused), (503, "", .providerUnavailable), (429, "{}", .providerUnavailable),
            (200, "", .providerUnusable), (200, "[]", .providerUnusable),
            (200, #"{"token_type":"Bearer"}"#, .providerUnusable), (200, #"{"id_token":"a.b.c"}"#, .providerUnusable),
            (200, #"{"token_type":"DPoP","id_token":"a.b.c"}"#, .providerUnusable),
            (200, #"{"token_type":"Bearer","id_token":"a.b.c"}"#, .idTokenRefused),
            (200, #"{"token_type":"Bearer","id_token":"a","id_token":"b"}"#, .providerUnusable),
        ] as [(Int, String, OIDCFailure.Code)] {
            issuer.change { $0.tokenAnswer = OIDCAnswer(status: status, body: Array(body.utf8)) }
            #expect(await code { _ = try await signIn.end(response, cookie: begun.cookie) } == expected, "\(body)")
        }
    }

    @Test func `a provider's error becomes one of ours, and its words reach no log`() throws {
        for (query, expected) in [
            ("error=access_denied", .accessDenied), ("error=server_error", .providerUnavailable),
            ("error=temporarily_unavailable", .providerUnavailable), ("error=login_required", .providerRefused),
            ("error=%3Cscript%3E&error_description=secret", .providerRefused), ("error=", .providerRefused),
        ] as [(String, OIDCFailure.Code)] {
            let response = try AuthorizationResponse(query: "state=s&\(query)")
            let failure = #expect(throws: OIDCFailure.self) { try response.outcome.get() }
            #expect(failure?.code == expected)
            #expect(failure?.reason.contains("script") == false && failure?.reason.contains("secret") == false)
        }
    }

    @Test(arguments: [
        "", "code=c", "state=s", "code=&state=s", "state=&code=c", "code=c&error=e&state=s", "code=c&code=d&state=s",
        "code=c&state=s&state=s", "code=c&state=s&iss=a&iss=a", "code=%00&state=s", "code=c%0D%0Ad&state=s",
        "code=%&state=s",
    ])
    func `what is no answer is refused`(query: String) {
        let failure = #expect(throws: OIDCFailure.self) { try AuthorizationResponse(query: query) }
        #expect(failure?.code == .invalidResponse)
    }
}
