package import LatchkeyCrypto
import Synchronization

import struct Crypto.SHA256

/// Asks a provider about a key, without spending anything: the free call its catalogue entry names.
///
/// At most `parallel` at once per provider, one at a time per key (others wait for its answer), ten seconds for
/// everything, waiting included.
package final class ProviderProbe: Sendable {
    private let transport: any ProbeTransport
    private let parallel: Int
    private let deadline: Duration
    private let limiters = Mutex<[ProviderID: ConcurrencyLimiter]>([:])
    private let flights = SingleFlight<Flight, ProbeOutcome>()

    /// The same key at the same address. A digest, so that no key stays in memory as a dictionary's key.
    private struct Flight: Hashable, Sendable {
        var provider: ProviderID
        var baseURL: String
        var digest: [UInt8]
    }

    package init(transport: any ProbeTransport, parallel: Int = 16, deadline: Duration = .seconds(10)) {
        self.transport = transport
        self.parallel = parallel
        self.deadline = deadline
    }

    /// - Parameter baseURL: where the key belongs: from the sealed payload, never from a column.
    package func check(_ provider: Provider, baseURL: String, secret: SharedSecret) async -> ProbeOutcome {
        guard let probe = provider.probe, let url = provider.probeURL(probe, baseURL: baseURL) else {
            return .postponed("no_probe")
        }
        let digest = secret.secret.withUnsafeBytes { Array(SHA256.hash(data: $0)) }
        let flight = Flight(provider: provider.id, baseURL: baseURL, digest: digest)
        let limiter = limiter(for: provider.id)
        return await flights.run(flight) { [self] in
            let outcome = await withDeadline(deadline) { [self] in
                do {
                    return try await limiter.run { [self] in
                        await self.ask(
                            provider, probe, url: url, secret: secret, isOwn: provider.owns(baseURL, probe))
                    }
                } catch {
                    return ProbeOutcome.postponed("busy")
                }
            }
            return outcome ?? .postponed(ProbeTransportError.timeout.rawValue)
        }
    }

    private func ask(
        _ provider: Provider, _ probe: Provider.Probe, url: String, secret: SharedSecret, isOwn: Bool
    ) async -> ProbeOutcome {
        let request = ProbeRequest(
            method: probe.method, url: url,
            headers: provider.headers + [provider.authorization(secret)], body: probe.body, mustBePublic: !isOwn)
        do {
            let response = try await transport.send(request)
            return ProbeReading.outcome(of: response, provider: provider, probe: probe, secret: secret)
        } catch {
            return .postponed(error.rawValue)
        }
    }

    private func limiter(for provider: ProviderID) -> ConcurrencyLimiter {
        limiters.withLock { limiters in
            if let limiter = limiters[provider] { return limiter }
            let limiter = ConcurrencyLimiter(limit: parallel)
            limiters[provider] = limiter
            return limiter
        }
    }
}

extension Provider {
    /// Where to ask about a key that belongs to `baseURL`.
    ///
    /// A probe with an address of its own is for keys of the catalogue's address only: a key for another host is not
    /// shown to this one. Its placeholders are read back out of the base URL.
    /// - Returns: nil when there is nowhere to ask.
    func probeURL(_ probe: Provider.Probe, baseURL: String) -> String? {
        guard let url = probe.url else { return baseURL + (probe.path ?? "") }
        var filled = url
        var pattern = self.baseURL[...]
        var rest = baseURL[...]
        while let open = pattern.firstIndex(of: "{"), let close = pattern[open...].firstIndex(of: "}") {
            let literal = pattern[..<open]
            let after = pattern[pattern.index(after: close)...]
            let next = after.prefix { $0 != "{" }
            guard rest.hasPrefix(literal) else { return nil }
            rest = rest.dropFirst(literal.count)
            let value = rest.prefix { $0 != "." && $0 != "/" }
            guard rest.dropFirst(value.count).hasPrefix(next) else { return nil }
            filled = filled.replacing(pattern[open...close], with: value)
            rest = rest.dropFirst(value.count)
            pattern = after
        }
        return rest == pattern ? filled : nil
    }

    /// Whether `baseURL` is the entry's own, whatever its placeholders were filled with.
    func owns(_ baseURL: String, _ probe: Probe) -> Bool {
        var own = probe
        own.url = self.baseURL
        return probeURL(own, baseURL: baseURL) != nil
    }

    /// The header field that carries the key. The HTTP client takes texts, so here the key is one for a moment.
    package func authorization(_ secret: SharedSecret) -> (name: String, value: String) {
        let key = secret.secret.withUnsafeBytes { String(decoding: $0, as: UTF8.self) }
        return (auth.header, auth.scheme.map { "\($0) \(key)" } ?? key)
    }
}
