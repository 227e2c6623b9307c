import Foundation
import Hummingbird

#if canImport(FoundationEssentials)
import FoundationEssentials
#endif

extension Request {
    /// The first query parameter of this name. Hummingbird decodes the values and leaves the names as they are written;
    /// here a name is compared as it is meant.
    func query(_ name: String) -> String? {
        guard let query = uri.query, !query.isEmpty else { return nil }
        for (key, value) in uri.queryParameters where decoded(key) == name { return String(value) }
        return nil
    }

    private func decoded(_ text: Substring) -> String {
        let text = text.replacing("+", with: " ")
        return String(text).removingPercentEncoding ?? String(text)
    }
}
