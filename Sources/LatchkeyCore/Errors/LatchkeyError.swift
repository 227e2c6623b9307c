/// The one error type of Latchkey's domain: a stable code that scripts may compare, and one sentence for a person.
///
/// `reason` says what was seen before what was expected and never holds a key, a token or a stored value.
/// `hint` says what to do next, where there is something to do.
public struct LatchkeyError: Error, Sendable, Equatable, CustomStringConvertible {
    public let code: ErrorCode
    public let reason: String
    public let hint: String?
    /// Seconds after which trying again may work, where that is known (RFC 9110, section 10.2.3).
    public let retryAfter: Int64?

    public init(_ code: ErrorCode, _ reason: String, hint: String? = nil, retryAfter: Int64? = nil) {
        self.code = code
        self.reason = reason
        self.hint = hint
        self.retryAfter = retryAfter
    }

    public var description: String { "\(code.rawValue): \(reason)" }
}
