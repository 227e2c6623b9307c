/// A secret held by reference, for caches and for values that several owners read.
///
/// The bytes are wiped when the last reference goes.
public final class SharedSecret: Sendable {
    public let secret: Secret

    public init(_ secret: consuming Secret) {
        self.secret = secret
    }
}
