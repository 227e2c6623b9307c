/// A token was not sealed or did not open.
///
/// One error for every cause, on purpose: a caller who can tell a wrong MAC from wrong padding, or bad base64 from an
/// old timestamp, has an oracle. Nothing about the token, the key or the reason is carried.
public struct FernetError: Error, Sendable, Equatable {
    /// The only value there is.
    public init() {}
}
