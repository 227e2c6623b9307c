import AsyncHTTPClient
import LatchkeyCore
import NIOCore
import NIOHTTP1

extension Doctor {
    /// Whether the best-known providers can be reached, and whether our clock agrees with theirs. No key is sent.
    func network(_ catalogue: ProviderCatalogue, _ report: inout DoctorReport) async {
        guard !offline else { return report.ok("network: not looked at (--offline)") }
        let sample = ["openai", "anthropic", "gemini"].compactMap { ProviderID($0) }.compactMap { catalogue[$0] }
        let client = HTTPProbeTransport.makeClient()
        var unreachable: [String] = []
        var skew: Int64?
        for provider in sample {
            var request = HTTPClientRequest(url: provider.baseURL + (provider.probe?.path ?? ""))
            request.method = .HEAD
            do {
                let response = try await client.execute(request, deadline: .now() + .seconds(5))
                if let date = response.headers.first(name: "date"), let time = HTTPDate.parse(date) {
                    skew = WallClock.system.now().unixSeconds - time.unixSeconds
                }
            } catch {
                unreachable.append(provider.name)
            }
        }
        try? await client.shutdown()
        if unreachable.isEmpty {
            report.ok("network: \(sample.map(\.name).joined(separator: ", ")) can be reached")
        } else {
            report.warn(
                "network: \(unreachable.joined(separator: ", ")) cannot be reached; keys are stored unchecked meanwhile",
                mend: "check DNS, the firewall, and outgoing https")
        }
        if let skew, abs(skew) > 60 {
            report.warn(
                "clock: \(abs(skew)) s \(skew > 0 ? "ahead of" : "behind") a provider's", mend: "let NTP set it")
        }
    }
}

/// RFC 9110, section 5.6.7: `Sun, 06 Nov 1994 08:49:37 GMT`.
enum HTTPDate {
    private static let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]

    static func parse(_ text: String) -> Timestamp? {
        let parts = text.split(separator: " ")
        guard parts.count == 6, let month = months.firstIndex(of: String(parts[2])) else { return nil }
        let number = month < 9 ? "0\(month + 1)" : "\(month + 1)"
        return Timestamp(parsing: "\(parts[3])-\(number)-\(parts[1]) \(parts[4])")
    }
}
