import Synchronization

/// One entry of the provider catalogue: data, not code, so that a provider can be added or mended without a release.
/// docs/providers.md explains the file format.
package struct Provider: Sendable {
    package var id: ProviderID
    package var name: String
    /// May hold `{field}` placeholders, filled from the key's own fields.
    package var baseURL: String
    package var auth: AuthStyle
    package var headers: [(name: String, value: String)]
    package var fields: [ProviderField]
    /// Hints, never gates: Google changed Gemini's key format in 2026 and many programs refused good keys.
    package var patterns: [String]
    /// Patterns of keys with more power than an app should be given.
    package var powerful: [String]
    package var env: [String]
    package var docsURL: String
    package var keysURL: String
    package var probe: Probe?
    package var rules: [VerdictRule]
    package var usage: UsageShape = .openai

    package struct AuthStyle: Sendable, Equatable {
        package var header: String
        /// `Bearer`, `Token`, …; nil: the bare key.
        package var scheme: String?
    }

    package struct Probe: Sendable, Equatable {
        package var method: String
        /// Appended to the base URL.
        package var path: String?
        /// In place of base URL and path.
        package var url: String?
        package var body: String?
        package var expectJSON: Bool
    }
}

/// A further part of a provider's credential, such as the name of an Azure resource.
package struct ProviderField: Sendable, Equatable {
    package var name: String
    package var label: String
    package var required: Bool
    package var pattern: String?
    /// The header field that takes it to the provider; nil: its place is in the address, or with the app.
    package var header: String?
}

/// "This status, with this text in the body, means that." First match wins.
package struct VerdictRule: Sendable, Equatable {
    package var statuses: [Int]
    package var bodyContains: String?
    /// nil: postpone, the answer says nothing about the key.
    package var verdict: Verdict?
}

extension Provider {
    /// The base URL with its placeholders filled in.
    ///
    /// - Throws: `invalid_field` when a required field is missing, unknown, or could leave its place in the URL. A field
    ///   goes into a host name, so whatever the entry's own pattern says, it is letters, digits and hyphens.
    package func baseURL(fields given: [String: String]) throws(LatchkeyError) -> String {
        for name in given.keys where !fields.contains(where: { $0.name == name }) {
            let known = fields.map(\.name).joined(separator: ", ")
            throw LatchkeyError(
                .invalidField, "\(id.text) has \(known.isEmpty ? "no fields" : "only these fields: \(known)")")
        }
        // Most addresses have nothing to fill in, and each call through the gateway asks.
        let hasPlaces = baseURL.utf8.contains(UInt8(ascii: "{"))
        var url = baseURL
        for field in fields {
            let placeholder = hasPlaces ? "{\(field.name)}" : ""
            guard let value = given[field.name], !value.isEmpty else {
                if field.required { throw LatchkeyError(.invalidField, "\(id.text) needs the field \(field.name)") }
                if hasPlaces, url.utf8.firstRange(of: placeholder.utf8) != nil {
                    throw LatchkeyError(.invalidField, "\(id.text) needs the field \(field.name) for its address")
                }
                continue
            }
            let inAddress = hasPlaces && url.utf8.firstRange(of: placeholder.utf8) != nil
            let isSafe = inAddress ? Self.isHostLabel(value) : Self.isFieldText(value)
            guard isSafe, field.pattern.map({ PatternHint.matches($0, value) }) ?? true else {
                throw LatchkeyError(.invalidField, "the field \(field.name) is not of the form \(id.text) uses")
            }
            if inAddress { url = url.replacing(placeholder, with: value) }
        }
        return url
    }

    private static func isHostLabel(_ value: String) -> Bool {
        let bytes = value.utf8
        return (1...63).contains(bytes.count) && bytes.first != UInt8(ascii: "-") && bytes.last != UInt8(ascii: "-")
            && bytes.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"):
                    true
                default: false
                }
            }
    }

    private static func isFieldText(_ value: String) -> Bool {
        value.utf8.count <= 512 && !value.unicodeScalars.contains(where: isControl)
    }

    /// Remarks about a key that look odd for this provider. The key is stored all the same: the check decides.
    package func warnings(for key: [UInt8]) -> [String] {
        let text = String(decoding: key, as: UTF8.self)
        var warnings: [String] = []
        if powerful.contains(where: { PatternHint.matches($0, text) }) {
            warnings.append("this looks like an administrator's key: an app needs less, make one for it alone")
        }
        if !patterns.isEmpty, !patterns.contains(where: { PatternHint.matches($0, text) }) {
            warnings.append("this does not look like the keys \(name) is known to issue: check it for a slip")
        }
        return warnings
    }
}

/// Catalogue patterns. Compiling one costs a hundred times what matching does, so each is compiled once, when it is
/// first used: a service that nobody sets keys in never compiles any.
package enum PatternHint {
    // SAFETY: a compiled Regex is a value that nothing changes; its type just does not say so.
    private struct Compiled: @unchecked Sendable {
        let regex: Regex<AnyRegexOutput>?
    }

    private static let compiled = Mutex<[String: Compiled]>([:])

    package static func isUsable(_ pattern: String) -> Bool { (try? Regex(pattern)) != nil }

    package static func matches(_ pattern: String, _ text: String) -> Bool {
        let compiled = compiled.withLock { cache in
            if let known = cache[pattern] { return known }
            let made = Compiled(regex: try? Regex(pattern))
            cache[pattern] = made
            return made
        }
        guard let regex = compiled.regex else { return false }
        return (try? regex.firstMatch(in: text)) != nil
    }
}
