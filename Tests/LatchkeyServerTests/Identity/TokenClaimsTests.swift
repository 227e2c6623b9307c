import LatchkeyCore
import Testing

@testable import LatchkeyServer

/// Tokens whose MAC and header are right: what their claims may say about the user.
struct TokenClaimsTests {
    private func verify(
        _ claims: String, _ change: (inout TokenVerifier.Rules) -> Void = { _ in }
    ) async throws -> VerifiedIdentity? {
        try await TokenVerifier.hmac("HS256", change).verify(TokenForge.token(claims: claims))
    }

    private func user(_ subject: String, more: String = "") async throws -> VerifiedIdentity? {
        try await verify(#"{"sub":\#(subject),"exp":\#(TokenForge.now + 600)\#(more)}"#)
    }

    // The user

    @Test(arguments: ["alice", "42", " alice ", "ALICE", "alice@example.test", "a", "日本語", "../alice", "' OR 1=1 --"])
    func `the subject is the user, byte for byte`(subject: String) async throws {
        #expect(try await user("\"\(subject)\"")?.id.bytes == Array(subject.utf8))
    }

    /// `String` calls them equal, and would give one the other's keys.
    @Test func `the two spellings of café are two users`() async throws {
        let composed = try #require(try await user(#""caf\u00e9""#))
        let decomposed = try #require(try await user(#""cafe\u0301""#))
        #expect(composed.id.bytes == Array("caf\u{e9}".utf8))
        #expect(decomposed.id.bytes == Array("cafe\u{301}".utf8))
        #expect(composed.id != decomposed.id)
        #expect(Set([composed.id, decomposed.id]).count == 2)
    }

    @Test(arguments: ["u", "\u{e9}", "\u{1f511}"])
    func `64 characters are a user and 65 are none`(character: String) async throws {
        #expect(try await user("\"\(String(repeating: character, count: 64))\"") != nil)
        #expect(try await user("\"\(String(repeating: character, count: 65))\"") == nil)
    }

    /// Characters are Unicode scalars, not what looks like one.
    @Test func `a letter with 64 marks is 65 characters`() async throws {
        let marks = String(repeating: "\u{301}", count: 64)
        #expect(try await user("\"\(marks)\"") != nil)
        #expect(try await user("\"e\(marks)\"") == nil)
    }

    @Test(arguments: [0x00, 0x01, 0x09, 0x0a, 0x0d, 0x1f, 0x7f, 0x80, 0x85, 0x9f])
    func `a control character anywhere in the subject refuses the token`(scalar: Int) async throws {
        let hex = String(scalar, radix: 16)
        let escaped = "\\u00" + (hex.count == 1 ? "0" : "") + hex
        for subject in ["alice\(escaped)", "\(escaped)alice", "al\(escaped)ice", escaped] {
            #expect(try await user("\"\(subject)\"") == nil)
        }
    }

    @Test(arguments: ["\"\"", "42", "null", "true", #"["alice"]"#, #"{"id":"alice"}"#, "4.2"])
    func `a subject that is no text, or an empty one, refuses the token`(subject: String) async throws {
        #expect(try await user(subject) == nil)
    }

    @Test func `a token without a subject, or with two, is refused`() async throws {
        #expect(try await verify(#"{"exp":\#(TokenForge.now + 600)}"#) == nil)
        #expect(try await verify(#"{"Sub":"alice","exp":\#(TokenForge.now + 600)}"#) == nil)
        for more in [
            #","sub":"bob""#, #","sub":"alice""#, #","s\u0075b":"bob""#, #","x":1,"x":2"#, #","x":{"y":1,"y":2}"#,
        ] {
            #expect(try await user("\"alice\"", more: more) == nil, "\(more)")
        }
    }

    @Test func `the claim that names the user is the configured one alone`() async throws {
        let both = #"{"sub":"alice","uid":"bob","exp":\#(TokenForge.now + 600)}"#
        #expect(try await verify(both)?.id.text == "alice")
        #expect(try await verify(both) { $0.userClaim = "uid" }?.id.text == "bob")
        #expect(try await verify(TokenForge.claims("alice")) { $0.userClaim = "uid" } == nil)
    }

    @Test(arguments: ["", "[]", "null", "\"alice\"", "42", "{}", "{sub:'alice'}"])
    func `claims that are no object are refused`(claims: String) async throws {
        #expect(try await verify(claims) == nil)
    }

    @Test func `claims with something after them, or nested too deeply, are refused`() async throws {
        let good = TokenForge.claims("alice")
        #expect(try await verify(good) != nil)
        #expect(try await verify(good + "x") == nil)
        #expect(try await verify(good + good) == nil)
        #expect(try await verify("\u{feff}" + good) == nil)
        let deep = String(repeating: "[", count: 16) + String(repeating: "]", count: 16)
        #expect(try await user("\"alice\"", more: ",\"x\":\(deep.dropFirst().dropLast())") != nil)
        #expect(try await user("\"alice\"", more: ",\"x\":\(deep)") == nil)
    }

    // Roles

    @Test(arguments: [
        (#""admin""#, true), (#"["admin"]"#, true), (#"["reader","admin"]"#, true), ("[]", false), (#""Admin""#, false),
        (#"["ADMIN"]"#, false), (#""administrator""#, false), (#""admin ""#, false), (#""reader admin""#, false),
        (#"["reader"]"#, false), (#"["adm","in"]"#, false), (#""a\u0064min""#, true),
    ])
    func `an administrator is who has the role by its exact name`(roles: String, isAdmin: Bool) async throws {
        let identity = try #require(try await user("\"alice\"", more: ",\"roles\":\(roles)"))
        #expect(identity.isAdmin == isAdmin)
    }

    @Test(arguments: [
        "1", "true", "null", "{}", #"{"admin":true}"#, #"[["admin"]]"#, #"["admin",1]"#, #"[null]"#,
        #"[{"role":"admin"}]"#,
    ])
    func `roles in any other shape make nobody an administrator`(roles: String) async throws {
        #expect(try await user("\"alice\"", more: ",\"roles\":\(roles)")?.isAdmin != true)
    }

    @Test func `roles come from the configured claim alone`() async throws {
        let claims = #"{"sub":"a","exp":\#(TokenForge.now + 600),"roles":["admin"],"groups":"reader"}"#
        #expect(try await verify(claims)?.isAdmin == true)
        #expect(try await verify(claims) { $0.rolesClaim = "groups" }?.isAdmin == false)
        #expect(try await verify(TokenForge.claims("a"))?.isAdmin == false)
        #expect(try await verify(#"{"sub":"a","exp":\#(TokenForge.now + 600),"role":"admin"}"#)?.isAdmin == false)
    }

    // Audience and issuer

    @Test(arguments: [
        (#","aud":"latchkey""#, true), (#","aud":["other","latchkey"]"#, true), ("", false),
        (#","aud":"Latchkey""#, false),
        (#","aud":"latchkey ""#, false), (#","aud":[]"#, false), (#","aud":["other"]"#, false),
        (#","aud":null"#, false),
        (#","aud":["latchkey",1]"#, false), (#","aud":{"latchkey":true}"#, false), (#","aud":"latchkeyx""#, false),
    ])
    func `a configured audience has to be among the token's`(member: String, isAccepted: Bool) async throws {
        let claims = #"{"sub":"a","exp":\#(TokenForge.now + 600)\#(member)}"#
        #expect(try await (verify(claims) { $0.audience = "latchkey" } != nil) == isAccepted)
    }

    @Test(arguments: [
        (#","iss":"https://app.test""#, true), ("", false), (#","iss":"https://app.test/""#, false),
        (#","iss":["https://app.test"]"#, false), (#","iss":null"#, false), (#","iss":"https://APP.test""#, false),
    ])
    func `a configured issuer has to be the token's`(member: String, isAccepted: Bool) async throws {
        let claims = #"{"sub":"a","exp":\#(TokenForge.now + 600)\#(member)}"#
        #expect(try await (verify(claims) { $0.issuer = "https://app.test" } != nil) == isAccepted)
    }

    @Test func `audience and issuer are compared as bytes`() async throws {
        let claims = #"{"sub":"a","exp":\#(TokenForge.now + 600),"aud":"caf\u00e9","iss":"caf\u00e9"}"#
        #expect(try await verify(claims) { $0.audience = "caf\u{e9}" } != nil)
        #expect(try await verify(claims) { $0.audience = "cafe\u{301}" } == nil)
        #expect(try await verify(claims) { $0.issuer = "caf\u{e9}" } != nil)
        #expect(try await verify(claims) { $0.issuer = "cafe\u{301}" } == nil)
    }

    @Test func `an audience that nobody configured is not looked at`() async throws {
        #expect(try await user("\"a\"", more: #","aud":"elsewhere","iss":"elsewhere""#) != nil)
    }
}
