package import HTTPTypes
package import NIOHTTP1

/// The header fields of the provider's answer, as the caller may see them.
package enum IncomingHeaders {
    /// Without what ends here (`StrippedFields.response`), and without every field the key stands in. `Content-Length`
    /// stays: whoever changes the body's length takes it out.
    ///
    /// - Parameter contains: whether a text holds the key.
    package static func make(from headers: HTTPHeaders, redactor contains: (String) -> Bool) -> HTTPFields {
        let named = headers[canonicalForm: "connection"].map { StrippedFields.folded($0.lowercased()) }
        var fields = HTTPFields()
        for (name, value) in headers {
            guard let fieldName = HTTPField.Name(name), HTTPField.isValidValue(value) else { continue }
            let folded = StrippedFields.folded(fieldName.canonicalName)
            guard !StrippedFields.response.holds(folded), !named.contains(folded), !contains(value), !contains(name)
            else { continue }
            fields.append(HTTPField(name: fieldName, value: value))
        }
        return fields
    }
}
