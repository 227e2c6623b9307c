package import LatchkeyCrypto

/// What a caller wants stored. Made by whoever read the request; checked by `KeyVault.set`.
package struct SetKeyRequest: Sendable {
    package var provider: String
    package var key: SharedSecret
    package var name: String?
    package var label: String?
    package var baseURL: String?
    package var fields: [String: String]
    package var expiresAt: Timestamp?
    /// Ask the provider before storing.
    package var validate: Bool
    /// Store nothing when the provider decisively refuses it.
    package var requireValid: Bool

    package init(
        provider: String, key: SharedSecret, name: String? = nil, label: String? = nil, baseURL: String? = nil,
        fields: [String: String] = [:], expiresAt: Timestamp? = nil, validate: Bool = true, requireValid: Bool = false
    ) {
        self.provider = provider
        self.key = key
        self.name = name
        self.label = label
        self.baseURL = baseURL
        self.fields = fields
        self.expiresAt = expiresAt
        self.validate = validate
        self.requireValid = requireValid
    }
}
