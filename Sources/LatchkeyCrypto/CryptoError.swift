/// What went wrong in this module: a stable code, and one sentence that holds nothing secret.
public struct CryptoError: Error, Sendable, Equatable, CustomStringConvertible {
    /// A stable name for a cause. Callers compare this, never the sentence.
    public struct Code: RawRepresentable, Hashable, Sendable {
        /// As it is written to logs and answers.
        public let rawValue: String

        /// A code by its name.
        public init(rawValue: String) {
            self.rawValue = rawValue
        }

        /// A record does not open. One code and one sentence for every cause, so that nothing is learnt by trying.
        public static let integrity = Code(rawValue: "integrity")
        /// The record's suite byte is from a newer format.
        public static let unknownSuite = Code(rawValue: "unknown_suite")
        /// The text of a root is not in the one accepted form.
        public static let rootMalformed = Code(rawValue: "root_malformed")
        /// The root has a pattern that no random key has.
        public static let rootWeak = Code(rawValue: "root_weak")
        /// The root is a key printed in a specification or a test vector.
        public static let rootPublished = Code(rawValue: "root_published")
        /// Two roots share a number or a key.
        public static let rootDuplicate = Code(rawValue: "root_duplicate")
        /// No configured root has the number asked for.
        public static let rootUnknown = Code(rawValue: "root_unknown")
        /// A credential payload is not one.
        public static let payloadInvalid = Code(rawValue: "payload_invalid")
        /// A credential is longer than a payload may be.
        public static let payloadTooLarge = Code(rawValue: "payload_too_large")
        /// A keyset row and a root do not belong together.
        public static let keyset = Code(rawValue: "keyset")
    }

    /// The cause, to be compared.
    public let code: Code
    /// What was seen, then what was expected. Nothing secret.
    public let reason: String

    /// An error; the sentence must hold nothing secret.
    public init(_ code: Code, _ reason: String) {
        self.code = code
        self.reason = reason
    }

    /// Code and sentence.
    public var description: String { "\(code.rawValue): \(reason)" }

    /// The one answer to a record that does not open.
    static let integrity = CryptoError(.integrity, "the record does not open")
}
