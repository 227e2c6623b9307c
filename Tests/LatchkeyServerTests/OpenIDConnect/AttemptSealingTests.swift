import LatchkeyCore
import LatchkeyCrypto
import LatchkeyTesting
import Testing

@testable import LatchkeyServer

/// What a browser keeps while its user is at the provider.
struct AttemptSealingTests {
    private let clock = TestClock()

    private func keyring(_ kids: [UInt32]) throws -> RootKeyring {
        try RootKeyring(roots: kids.map { try Self.root($0) }) { 0 }
    }

    private static func root(_ kid: UInt32) throws -> SoftwareRootKey {
        try RootText.generate(kid: kid).withUnsafeBytes { try RootText.parse($0) }
    }

    private func sealing(
        _ keyring: RootKeyring, issuer: String = ScriptedIssuer.issuer, client: String = ScriptedIssuer.clientID
    ) throws -> AttemptSealing {
        AttemptSealing(
            keyring: keyring, rules: try ScriptedIssuer.rules(issuer: issuer, clientID: client), clock: clock.clock)
    }

    private func attempt(next: String = "/ui/usage?x=1") throws -> SignInAttempt {
        SignInAttempt.begin(
            redirectURI: "https://keys.example.com/ui/oidc/callback", next: try #require(PagePath(next.utf8)))
    }

    @Test func `an attempt comes back as it was, and its value fits into a cookie`() async throws {
        let sealing = try sealing(keyring([3]))
        let attempt = try attempt()
        let value = try await sealing.seal(attempt)
        #expect(try await sealing.open(value) == attempt)
        let octets = Set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.".utf8)
        #expect(value.allSatisfy(octets.contains) && value.count < 2048)
    }

    @Test func `nothing of it can be read, and no two are alike`() async throws {
        let sealing = try sealing(keyring([1]))
        let attempt = try attempt()
        let (one, two) = (try await sealing.seal(attempt), try await sealing.seal(attempt))
        #expect(one != two)
        #expect(one.firstRange(of: attempt.state) == nil && one.firstRange(of: attempt.verifier) == nil)
        let other = try self.attempt()
        #expect(
            Set([attempt.state, attempt.nonce, attempt.verifier, other.state, other.nonce, other.verifier]).count == 6)
    }

    @Test func `it is good for ten minutes`() async throws {
        let sealing = try sealing(keyring([1]))
        let value = try await sealing.seal(attempt())
        clock.advance(seconds: 600)
        #expect(try await sealing.open(value) != nil)
        clock.advance(seconds: 1)
        #expect(try await sealing.open(value) == nil)
    }

    @Test func `with another provider, another client or another root it does not open`() async throws {
        let keyring = try keyring([1])
        let value = try await sealing(keyring).seal(attempt())
        #expect(try await sealing(keyring, issuer: "https://login.example.com/other").open(value) == nil)
        #expect(try await sealing(keyring, client: "another").open(value) == nil)
        #expect(try await sealing(self.keyring([1])).open(value) == nil)
        #expect(try await sealing(self.keyring([2])).open(value) == nil)
        #expect(try await sealing(keyring).open(value) != nil)
    }

    @Test func `a node whose primary root is another one opens it, if it has the root`() async throws {
        let (one, two) = (try Self.root(1), try Self.root(2))
        let value = try await sealing(RootKeyring(roots: [one, two]) { 0 }).seal(attempt())
        #expect(try await sealing(RootKeyring(roots: [two, one]) { 0 }).open(value) != nil)
        #expect(try await sealing(RootKeyring(roots: [two]) { 0 }).open(value) == nil)
    }

    @Test func `no byte of it can be changed, and no part left away`() async throws {
        let sealing = try sealing(keyring([1]))
        let value = try await sealing.seal(attempt())
        for index in value.indices {
            for byte in [value[index] ^ 1, UInt8(ascii: "A"), UInt8(ascii: "=")] where byte != value[index] {
                var changed = value
                changed[index] = byte
                #expect(try await sealing.open(changed) == nil, "byte \(index)")
            }
        }
        for count in value.indices { #expect(try await sealing.open(Array(value[..<count])) == nil) }
        for more in ["=", "==", "A", ".", "a.b"] { #expect(try await sealing.open(value + Array(more.utf8)) == nil) }
        for front in ["0", "+", " ", "1."] { #expect(try await sealing.open(Array(front.utf8) + value) == nil) }
    }

    /// RFC 7636, appendix B.
    @Test func `the challenge is the one of the specification's example`() throws {
        let attempt = SignInAttempt(
            state: [], nonce: [], verifier: Array("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk".utf8), redirectURI: "",
            next: .start)
        #expect(attempt.challenge == "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM")
    }

    @Test func `what is not five lines of the form is no attempt`() throws {
        let line = String(repeating: "a", count: 43)
        #expect(SignInAttempt(Array("\(line)\n\(line)\n\(line)\nhttps://a/b\n/ui/".utf8)) != nil)
        for text in [
            "", "\n\n\n\n", "\(line)\n\(line)\n\(line)\nhttps://a/b", "\(line)\n\(line)\n\(line)a\nhttps://a/b\n/ui/",
            "\(line)\n\(line)\n\(line)\nhttps://a/b\n/api/", "\(line)\n\(line)\n\(line)\nhttps://a/b\n/ui/\n",
        ] { #expect(SignInAttempt(Array(text.utf8)) == nil) }
    }
}
