/// Whose record it is.
///
/// A user is the exact bytes of the verified user id. Not a `String`: Swift compares strings by canonical equivalence,
/// and two users whose ids differ only in normalisation would share a key and a cache slot.
public enum RecordOwner: Hashable, Sendable {
    /// The bytes of the verified user id.
    case user([UInt8])
    /// The keys that belong to the installation. No user id can collide with this.
    case global
}

/// What a record is bound to, besides its row version and its salt.
///
/// Fill it from the authenticated request, never from the row that is being opened: it is the question, the row is only
/// an answer. A record opens only under the context that it was sealed under.
public struct RecordContext: Sendable {
    /// The table, such as `user_api_keys`.
    public var table: String
    /// Whose record it is.
    public var owner: RecordOwner
    /// The columns that name the row inside its owner, in order; for API keys provider and name.
    public var identity: [String]
    /// The column, such as `credential`.
    public var field: String

    /// A context, each part from the authenticated request.
    public init(table: String, owner: RecordOwner, identity: [String], field: String) {
        self.table = table
        self.owner = owner
        self.identity = identity
        self.field = field
    }
}
