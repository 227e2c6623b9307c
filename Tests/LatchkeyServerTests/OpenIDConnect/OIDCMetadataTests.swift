import LatchkeyCore
import Testing

@testable import LatchkeyServer

/// What a provider says of itself, and which addresses may be the provider's.
struct OIDCMetadataTests {
    private func metadata(_ changes: [String: String] = [:], issuer: String = ScriptedIssuer.issuer) throws
        -> OIDCMetadata
    {
        try OIDCMetadata(Array(ScriptedIssuer.metadata(changes).utf8), issuer: issuer)
    }

    private func code(_ changes: [String: String]) -> OIDCFailure.Code? {
        do { _ = try metadata(changes) } catch { return (error as? OIDCFailure)?.code }
        return nil
    }

    @Test func `a document of the form is read`() throws {
        let metadata = try metadata()
        #expect(metadata.authorizationEndpoint.text == "https://login.example.com/authorize")
        #expect(metadata.tokenEndpoint.text == "https://login.example.com/token")
        #expect(metadata.keysAddress.text == "https://login.example.com/keys")
        #expect(metadata.algorithms == ["RS256", "ES256"])
        #expect(metadata.clientAuthentication == .basic && !metadata.namesIssuer)
    }

    @Test func `another issuer than the configured one is refused, however alike`() {
        for issuer in [
            "", "null", "\"\(ScriptedIssuer.issuer)/\"", #""https://LOGIN.example.com/tenant""#,
            #""https://login.example.com""#, #""https://login.example.com:443/tenant""#,
            "[\"\(ScriptedIssuer.issuer)\"]",
        ] { #expect(code(["issuer": issuer]) == .issuerMismatch, "\(issuer)") }
    }

    @Test(arguments: ["authorization_endpoint", "token_endpoint", "jwks_uri"])
    func `an address that leads out of TLS, or can be read in two ways, is refused`(name: String) {
        for address in [
            "", "null", #""http://login.example.com/x""#, #""http://127.0.0.1:9/x""#, #""ftp://login.example.com/x""#,
            #""https://user@login.example.com/x""#, #""https://login.example.com\\@evil.example/x""#,
            #""https://login.example.com/x#y""#, #""//login.example.com/x""#, #""/x""#, #""javascript:alert(1)""#,
            #""https://login.example.com/x y""#, #""https://login.example.com/x?a=\"b\"""#,
            #""https://login.example.com/x\r\nSet-Cookie: a=b""#, #""https://login.example.com/x?a\nb""#,
            #""https://0x7f.1/x""#, #""https://login.example.com/../x""#,
        ] { #expect(code([name: address]) == .providerUnusable, "\(address)") }
        #expect(code([name: #""https://other.example.com:8443/x%20y?policy=sign-in""#]) == nil)
    }

    @Test func `an issuer on this machine may be reached by plain http, and only there`() throws {
        #expect(OIDCAddress("http://127.0.0.1:9000/o")?.isTLS == false)
        #expect(OIDCAddress("http://localhost:9000")?.isTLS == false)
        #expect(OIDCAddress("http://127.0.0.1:9000", needsTLS: true) == nil)
        for address in [
            "http://10.0.0.1/o", "http://localhost.example.com/o", "http://127.0.0.1.example.com", "http://0.0.0.0",
        ] {
            #expect(OIDCAddress(address) == nil, "\(address)")
        }
        let local = "http://127.0.0.1:9000/o"
        let document = ScriptedIssuer.metadata([
            "issuer": "\"\(local)\"", "authorization_endpoint": "\"\(local)/a\"", "token_endpoint": "\"\(local)/t\"",
            "jwks_uri": "\"\(local)/k\"",
        ])
        #expect(try OIDCMetadata(Array(document.utf8), issuer: local).tokenEndpoint.text == "\(local)/t")
    }

    @Test func `of the algorithms those with a public key are taken`() throws {
        func algorithms(_ list: String) throws -> [String] {
            try metadata(["id_token_signing_alg_values_supported": list]).algorithms
        }
        #expect(try algorithms("") == ["RS256"])
        #expect(try algorithms(#"["EdDSA","none","PS256",7]"#) == ["PS256", "EdDSA"])
        #expect(code(["id_token_signing_alg_values_supported": #"["HS256","none"]"#]) == .providerUnusable)
        #expect(!OIDCMetadata.allowedAlgorithms.contains { $0.hasPrefix("HS") || $0.lowercased() == "none" })
    }

    @Test func `how the secret is shown is the provider's choice`() throws {
        for (methods, expected) in [
            ("", OIDCMetadata.ClientAuthentication.basic), (#"["client_secret_post"]"#, .post),
            (#"["client_secret_post","client_secret_basic"]"#, .basic), (#"["private_key_jwt"]"#, nil), ("[]", nil),
        ] as [(String, OIDCMetadata.ClientAuthentication?)] {
            let metadata = try metadata(["token_endpoint_auth_methods_supported": methods])
            #expect(metadata.clientAuthentication == expected, "\(methods)")
        }
    }

    @Test(arguments: ["", "[]", "null", "{", #"{"issuer":"a","issuer":"a"}"#, "\u{FEFF}{}"])
    func `what is no JSON object, or says something twice, is unusable`(text: String) {
        let failure = #expect(throws: OIDCFailure.self) {
            try OIDCMetadata(Array(text.utf8), issuer: ScriptedIssuer.issuer)
        }
        #expect(failure?.code == .providerUnusable)
    }

    @Test func `the discovery document lies below the issuer`() {
        for issuer in ["https://a.example.com", "https://a.example.com/"] {
            #expect(OIDCMetadata.address(of: issuer) == "https://a.example.com/.well-known/openid-configuration")
        }
        #expect(OIDCMetadata.address(of: "https://a/b/") == "https://a/b/.well-known/openid-configuration")
    }

    @Test func `settings that cannot be right are refused`() {
        for issuer in ["", "login.example.com", "http://login.example.com", "https://a/b?c=d", "https://a/b#c"] {
            let error = #expect(throws: LatchkeyError.self) { try OIDCRules(issuer: issuer, clientID: "a") }
            #expect(error?.code == .configuration, "\(issuer)")
        }
        for client in ["", "a\nb", "ä", String(repeating: "a", count: 257)] {
            #expect(throws: LatchkeyError.self) { try OIDCRules(issuer: "https://a.example.com", clientID: client) }
        }
        for scopes in [[], ["email"], ["openid", "a b"], ["openid", "\""], ["openid", ""]] {
            #expect(throws: LatchkeyError.self) {
                try OIDCRules(issuer: "https://a.example.com", clientID: "a", scopes: scopes)
            }
        }
        #expect(throws: Never.self) {
            try OIDCRules(issuer: "https://a.example.com/", clientID: "a b", scopes: ["openid", "https://x/y.read"])
        }
    }
}
