import LatchkeyCore
import LatchkeyTesting
import Testing

@testable import LatchkeyServer

/// When the provider is asked about itself, and when it is not.
struct OIDCProviderTests {
    private let issuer = ScriptedIssuer()
    private let clock = TestClock(unixSeconds: 1_000_000)

    private func provider() -> OIDCProvider {
        let clock = clock.clock
        return OIDCProvider(issuer: ScriptedIssuer.issuer, transport: issuer) { UInt64(clock.now().unixSeconds) }
    }

    private var documents: Int { issuer.requests(to: "/openid-configuration").count }

    @Test func `nothing is asked before it is needed, and then once in ten minutes`() async throws {
        let provider = provider()
        #expect(issuer.requests.isEmpty)
        for _ in 0..<3 { _ = try await provider.known() }
        clock.advance(seconds: 599)
        _ = try await provider.known()
        #expect(documents == 1 && issuer.requests(to: "/keys").count == 1)
        #expect(
            issuer.requests.first?.address.text == "https://login.example.com/tenant/.well-known/openid-configuration")
        clock.advance(seconds: 1)
        _ = try await provider.known()
        #expect(documents == 2)
    }

    @Test func `sign-ins at once share one reading`() async throws {
        let provider = provider()
        let (arrived, release) = (Door(), Door())
        issuer.change {
            $0.arrived = arrived; $0.release = release
        }
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<50 { group.addTask { _ = try await provider.known() } }
            await arrived.wait()
            release.open()
            try await group.waitForAll()
        }
        #expect(documents == 1 && issuer.requests(to: "/keys").count == 1)
    }

    @Test func `a provider that is down is asked again after two seconds, and not before`() async throws {
        let provider = provider()
        issuer.change { $0.isDown = true }
        for _ in 0..<5 {
            let failure = await #expect(throws: OIDCFailure.self) { try await provider.known() }
            #expect(failure?.code == .providerUnavailable)
        }
        #expect(documents == 1)
        issuer.change { $0.isDown = false }
        clock.advance(seconds: 2)
        _ = try await provider.known()
        #expect(documents == 2)
    }

    @Test func `what is known is not used for longer than ten minutes, the provider being down`() async throws {
        let provider = provider()
        _ = try await provider.known()
        issuer.change { $0.isDown = true }
        _ = try await provider.known()
        clock.advance(seconds: 600)
        await #expect(throws: OIDCFailure.self) { try await provider.known() }
    }

    @Test func `for an unknown key it is read again, once for all who ask`() async throws {
        let provider = provider()
        let old = try await provider.known()
        let newer = try await provider.known(after: old)
        _ = try await provider.known(after: old)
        #expect(documents == 2)
        _ = try await provider.known(after: newer)
        #expect(documents == 3)
    }

    @Test func `a set without a usable key, and a discovery document of another issuer, are refused`() async throws {
        issuer.change { $0.keys = [JWKSet.oct(Array("secret".utf8), kid: "one")] }
        let unusable = await #expect(throws: OIDCFailure.self) { try await provider().known() }
        #expect(unusable?.code == .providerUnusable)
        issuer.change { $0.metadata = ["issuer": #""https://evil.example""#] }
        let another = await #expect(throws: OIDCFailure.self) { try await provider().known() }
        #expect(another?.code == .issuerMismatch)
    }
}
