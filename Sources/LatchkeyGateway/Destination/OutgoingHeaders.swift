package import HTTPTypes
package import LatchkeyCore
package import LatchkeyCrypto
package import NIOHTTP1

/// The header fields of the call to the provider. `Host` and the framing (`Content-Length`, `Transfer-Encoding`) are
/// added by whoever sends it.
package enum OutgoingHeaders {
    /// The caller's fields without what ends here (`StrippedFields.request`), the provider's fixed fields, and the key,
    /// once.
    ///
    /// - Parameters:
    ///   - credentialFields: of the opened payload; those that the catalogue gives a header field go along.
    ///   - carriers: the field names that can hold a credential, in lower case; `GatewayCredential.carriers(of:)`.
    package static func make(
        from fields: HTTPFields, destination: Destination, provider: Provider, secret: SharedSecret,
        fields credentialFields: [String: String], carriers: Set<String>
    ) -> HTTPHeaders {
        let key = provider.authorization(secret)
        let own = own(provider, credentialFields)
        // Few names each: looking through them costs less than hashing.
        var ended = own.map { $0.name.lowercased() } + named(by: fields)
        ended.append(key.name.lowercased())
        var single = provider.headers.map { $0.name.lowercased() } + ["content-type", "user-agent"]
        let carriers = CarrierNames(carriers)

        var headers = HTTPHeaders()
        headers.reserveCapacity(fields.count + provider.headers.count + own.count + 4)
        for field in fields {
            let name = StrippedFields.folded(field.name.canonicalName)
            guard !StrippedFields.request.holds(name), !carriers.contains(name), !ended.contains(name),
                let value = text(field)
            else { continue }
            // Of two, each server takes the one it likes.
            if let index = single.firstIndex(of: name) {
                ended.append(single.remove(at: index))
            }
            headers.add(name: field.name.rawName, value: value)
        }
        // The caller's own version is stronger than the catalogue's, and there is never a second.
        for (name, value) in provider.headers where single.contains(name.lowercased()) {
            headers.add(name: name, value: value)
        }
        for (name, value) in own { headers.add(name: name, value: value) }
        // A compressed answer could neither be counted nor searched for the key.
        headers.add(name: "accept-encoding", value: "identity")
        headers.add(name: key.name, value: key.value)
        return headers
    }

    private static func own(_ provider: Provider, _ values: [String: String]) -> [(name: String, value: String)] {
        provider.fields.compactMap { field in
            guard let header = field.header, let value = values[field.name], HTTPField.isValidValue(value) else {
                return nil
            }
            return (header, value)
        }
    }

    /// What `Connection` declares to be of this connection only.
    private static func named(by fields: HTTPFields) -> [String] {
        fields[values: .connection].flatMap { value in
            value.utf8.split(whereSeparator: { $0 == UInt8(ascii: ",") || $0 == 0x20 || $0 == 0x09 })
                .map { StrippedFields.folded(String(Substring($0)).lowercased()) }
        }
    }

    /// nil for what is no UTF-8: it could only be passed on as something else.
    private static func text(_ field: HTTPField) -> String? {
        let isASCII = field.withUnsafeBytesOfValue { bytes in bytes.allSatisfy { $0 < 0x80 } }
        return isASCII ? field.value : field.withUnsafeBytesOfValue { String(validating: $0, as: UTF8.self) }
    }
}
