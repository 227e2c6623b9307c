package import LatchkeyCrypto

/// Whose key it is: one user's, or everybody's.
///
/// A type of its own, not a reserved user id, so that no id can ever name the global keys.
public enum KeyOwner: Sendable, Hashable {
    case user(UserID)
    case global

    /// The table that holds this owner's keys; part of the record's derivation (docs/record-format.md).
    package var table: KeyTable {
        switch self {
        case .user: .user
        case .global: .global
        }
    }

    /// The `user_id` column: empty for global keys, which no user id can be.
    package var column: String {
        switch self {
        case .user(let id): id.text
        case .global: ""
        }
    }

    package var recordOwner: RecordOwner {
        switch self {
        case .user(let id): .user(id.bytes)
        case .global: .global
        }
    }
}

/// The two tables of sealed keys. They have the same columns, so every statement is written once for both.
package enum KeyTable: String, Sendable, CaseIterable {
    case user = "user_api_keys"
    case global = "global_api_keys"
}
