import Hummingbird

#if canImport(FoundationEssentials)
import FoundationEssentials
#endif
import Foundation

extension Request {
    /// The first query parameter of this name, both percent-decoded: a name is compared as it is meant, not as it is
    /// written.
    func query(_ name: String) -> String? {
        guard let query = uri.query, !query.isEmpty else { return nil }
        for (key, value) in uri.queryParameters where decoded(key) == name { return decoded(value) }
        return nil
    }

    private func decoded(_ text: Substring) -> String {
        let text = text.replacing("+", with: " ")
        return String(text).removingPercentEncoding ?? String(text)
    }
}
