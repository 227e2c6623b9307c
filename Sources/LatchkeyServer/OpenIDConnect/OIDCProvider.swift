import LatchkeyCore
import Synchronization

/// A provider's metadata and keys, read when they are first needed and kept for ten minutes. Nothing is asked of it when
/// the service starts: one that is down then delays nobody but those who want to sign in.
///
/// Sign-ins at the same time share one reading, and after one that failed nobody tries again for two seconds.
final class OIDCProvider: Sendable {
    struct Known: Sendable {
        let metadata: OIDCMetadata
        /// By algorithm, so that a key is only ever used with the one it was published for.
        let keys: [String: TokenKeys]
        fileprivate let number: UInt64
        fileprivate let readAt: UInt64
    }

    private struct State {
        var known: Known?
        var failure: (what: OIDCFailure, at: UInt64)?
        var count: UInt64 = 0
    }

    private let issuer: String
    private let transport: any OIDCTransport
    private let now: @Sendable () -> UInt64
    private let state = Mutex(State())
    private let reading = SingleFlight<UInt64, Result<Known, OIDCFailure>>()

    /// In seconds.
    static let lifetime: UInt64 = 600
    static let pauseAfterFailure: UInt64 = 2
    static let largestKeySet = 1 << 20

    /// - Parameter now: monotonic seconds.
    init(issuer: String, transport: any OIDCTransport, now: @escaping @Sendable () -> UInt64) {
        self.issuer = issuer
        self.transport = transport
        self.now = now
    }

    /// - Throws: `provider_unavailable`, `provider_unusable`, `issuer_mismatch`.
    func known() async throws(OIDCFailure) -> Known {
        let time = now()
        let found: Result<Known, OIDCFailure>? = state.withLock { state in
            if let known = state.known, Self.isWithin(Self.lifetime, known.readAt, time) { return .success(known) }
            if let failure = state.failure, Self.isWithin(Self.pauseAfterFailure, failure.at, time) {
                return .failure(failure.what)
            }
            return nil
        }
        if let found { return try found.get() }
        return try await read(beyond: state.withLock { $0.count })
    }

    /// For an ID token whose key is not among the known ones: the provider may have changed them since. Read again once,
    /// whoever asks.
    func known(after old: Known) async throws(OIDCFailure) -> Known {
        if let known = state.withLock({ $0.known }), known.number > old.number { return known }
        return try await read(beyond: old.number)
    }

    private func read(beyond number: UInt64) async throws(OIDCFailure) -> Known {
        let result = await reading.run(number) { await self.read() }
        return try result.get()
    }

    private func read() async -> Result<Known, OIDCFailure> {
        let result: Result<Known, OIDCFailure>
        do throws(OIDCFailure) { result = .success(try await fetch()) } catch { result = .failure(error) }
        let time = now()
        state.withLock { state in
            switch result {
            case .success(let known):
                state.known = known
                state.failure = nil
            case .failure(let failure):
                state.failure = (failure, time)
            }
        }
        return result
    }

    private func fetch() async throws(OIDCFailure) -> Known {
        guard let address = OIDCAddress(OIDCMetadata.address(of: issuer)) else {
            throw OIDCFailure(.providerUnusable, "the issuer leads to no address")
        }
        let metadata = try OIDCMetadata(
            try await get(OIDCRequest(address: address), "discovery document"), issuer: issuer)
        let set = try await get(
            OIDCRequest(address: metadata.keysAddress, limit: Self.largestKeySet), "JWK set")
        var keys: [String: TokenKeys] = [:]
        for algorithm in metadata.algorithms {
            keys[algorithm] = try? await TokenKeys.jwks(algorithm: algorithm, json: set)
        }
        guard !keys.isEmpty else {
            throw OIDCFailure(
                .providerUnusable, "the provider's JWK set has no key that ID tokens can be verified with")
        }
        let number = state.withLock { state in
            state.count &+= 1
            return state.count
        }
        return Known(metadata: metadata, keys: keys, number: number, readAt: now())
    }

    private func get(_ request: OIDCRequest, _ what: String) async throws(OIDCFailure) -> [UInt8] {
        let answer = try await transport.send(request)
        guard answer.status == 200 else {
            throw OIDCFailure(
                answer.status >= 500 ? .providerUnavailable : .providerUnusable,
                "the provider answered \(answer.status) for its \(what)")
        }
        return answer.body
    }

    /// A clock that goes back makes everything too old, which is the safe side.
    private static func isWithin(_ lifetime: UInt64, _ then: UInt64, _ now: UInt64) -> Bool {
        let age = now.subtractingReportingOverflow(then)
        return !age.overflow && age.partialValue < lifetime
    }
}
