package import HTTPTypes
package import LatchkeyCore

/// The one credential of a gateway call, in whichever field the provider's own client puts a key.
package enum GatewayCredential {
    package static let maximumBytes = 8 * 1024

    /// Field names, in lower case, that carry a key at one provider or another.
    package static let commonCarriers: Set<String> = [
        "authorization", "x-api-key", "api-key", "x-goog-api-key", "xi-api-key",
    ]

    /// All carriers there are: the common ones, and those of the catalogue's entries.
    package static func carriers(of catalogue: ProviderCatalogue) -> Set<String> {
        commonCarriers.union(catalogue.providers.map { $0.auth.header.lowercased() })
    }

    /// The bytes behind `Bearer`, `Token` or `Key`, or the bare value.
    ///
    /// Two carriers are refused even when both hold the same: whoever looks at the other one of them, here or at the
    /// provider, would see another caller.
    ///
    /// - Parameter names: further carriers, in lower case.
    /// - Throws: `unauthorized`, with one text for every cause.
    package static func find(in fields: HTTPFields, catalogue names: Set<String>) throws(LatchkeyError) -> [UInt8] {
        let carriers = CarrierNames(names)
        var found: HTTPField?
        for field in fields {
            guard carriers.contains(field.name.canonicalName) else { continue }
            guard found == nil else { throw unauthorized }
            found = field
        }
        guard let token = found?.withUnsafeBytesOfValue({ token(in: $0) }) else { throw unauthorized }
        return token
    }

    private static func token(in value: UnsafeBufferPointer<UInt8>) -> [UInt8]? {
        guard (1...maximumBytes).contains(value.count), value.allSatisfy({ (0x20...0x7E).contains($0) }) else {
            return nil
        }
        let scheme = value.prefix { $0 != 0x20 }
        guard scheme.count < value.count else { return isScheme(scheme) ? nil : Array(value) }
        let token = value[(scheme.endIndex + 1)...]
        guard isScheme(scheme), !token.isEmpty, !token.contains(0x20) else { return nil }
        return Array(token)
    }

    private static func isScheme(_ word: Slice<UnsafeBufferPointer<UInt8>>) -> Bool {
        schemes.contains { scheme in
            word.count == scheme.count && zip(word, scheme).allSatisfy { isLetter($0) && $0 | 0x20 == $1 }
        }
    }

    private static func isLetter(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20)
    }

    private static let schemes: [[UInt8]] = ["bearer", "token", "key"].map { Array($0.utf8) }

    private static var unauthorized: LatchkeyError {
        LatchkeyError(.unauthorized, "a valid bearer token is required")
    }
}
