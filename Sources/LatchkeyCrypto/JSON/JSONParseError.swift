/// Why a text is not the JSON that ``StrictJSON`` takes, and where.
public struct JSONParseError: Error, Sendable, Equatable {
    /// What kind of fault it is.
    public enum Reason: String, Sendable {
        /// Not RFC 8259: a byte that cannot stand there, a lone surrogate, a text that ends too early.
        case syntax
        /// An object has two members of one name.
        case duplicateMember
        /// Arrays and objects are nested deeper than allowed.
        case tooDeep
        /// A byte sequence that is not UTF-8.
        case notUTF8
        /// Something other than white space follows the value.
        case trailingBytes
        /// Nothing, or nothing but white space.
        case empty
    }

    /// What kind of fault it is.
    public let reason: Reason
    /// Bytes from the beginning to the place of the fault.
    public let offset: Int

    init(_ reason: Reason, at offset: Int) {
        self.reason = reason
        self.offset = offset
    }
}
