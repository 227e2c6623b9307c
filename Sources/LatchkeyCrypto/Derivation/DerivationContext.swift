/// What a key is derived for: `CTX(label, f1..fn)` of the record format.
///
/// The encoding is injective: two different lists of fields never give the same bytes.
public struct DerivationContext: Sendable, Equatable {
    /// `LP("latchkey/v1") ‖ LP(label) ‖ BE32(n) ‖ LP(f1) ‖ … ‖ LP(fn)`, where `LP(x) = BE32(byte length of x) ‖ x`.
    public let bytes: [UInt8]

    /// - Parameters:
    ///   - label: the use, such as `user` or `key-check`.
    ///   - fields: what the use is bound to, in order.
    public init(_ label: String, _ fields: [[UInt8]]) {
        var writer = ContextWriter(label: label, fields: fields.count)
        for field in fields { writer.append(field) }
        bytes = writer.bytes
    }
}
