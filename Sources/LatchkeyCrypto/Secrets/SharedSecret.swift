/// A secret held by reference, for caches and for values that several owners read.
///
/// The bytes are wiped when the last reference goes.
public final class SharedSecret: Sendable {
    /// Borrow it; it cannot be taken out.
    public let secret: Secret

    /// Takes the secret over.
    public init(_ secret: consuming Secret) {
        self.secret = secret
    }
}
