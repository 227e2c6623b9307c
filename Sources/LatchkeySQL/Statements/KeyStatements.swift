package import LatchkeyCore

/// The statements on a table of keys: written once, made for each of the two tables. Every one that names a row or a
/// user's rows takes the owner.
package struct KeyStatements: Sendable {
    package let select: SQLStatement
    /// The row as nobody else can change it until the transaction ends.
    package let selectForUpdate: SQLStatement
    /// PostgreSQL only: beside the columns the row's revision, which every change of the row changes.
    package let selectRevision: SQLStatement
    /// PostgreSQL only: adds an audit event exactly when the row still has the revision `$4`.
    package let appendUse: SQLStatement
    /// SQLite only: adds an audit event exactly when the row is still what it was in all that a hand-out rests on.
    package let appendUseOfSame: SQLStatement
    package let selectAll: SQLStatement
    package let insert: SQLStatement
    package let update: SQLStatement
    package let recordCheck: SQLStatement
    package let recordUse: SQLStatement
    package let postpone: SQLStatement
    package let delete: SQLStatement
    package let deleteAll: SQLStatement
    package let due: SQLStatement
    package let count: SQLStatement
    package let walk: SQLStatement

    package static let user = KeyStatements(.user)
    package static let global = KeyStatements(.global)

    package static func `for`(_ table: KeyTable) -> KeyStatements {
        switch table {
        case .user: user
        case .global: global
        }
    }

    /// The columns that `KeyRow` decodes, in its order.
    static let columns = """
        user_id, provider, name, encrypted_key, key_hash, key_hint, kind, label, base_url, suite, root_kid, row_version, \
        salt, verdict, check_status, check_code, checked_at, check_decisive, last_validated, next_check_at, expires_at, \
        created_at, updated_at, last_used_at
        """

    private init(_ table: KeyTable) {
        let t = table.rawValue
        let one = "user_id = $1 AND provider = $2 AND name = $3"
        // Global keys are everybody's: no row of theirs is hidden from anybody.
        let owner: SQLStatement.Scope = table == .user ? .owner : .none
        let everyone: SQLStatement.Scope = table == .user ? .everyone : .none
        select = SQLStatement("\(t).select", "SELECT \(Self.columns) FROM \(t) WHERE \(one)", scope: owner)
        selectForUpdate = SQLStatement("\(t).select_for_update", select.sql, scope: owner, locksRows: true)
        selectRevision = SQLStatement(
            "\(t).select_revision", "SELECT \(Self.columns), id, xmin FROM \(t) WHERE \(one)", scope: owner)
        appendUse = SQLStatement(
            "\(t).append_use",
            """
            INSERT INTO audit_events (\(AuditStatements.columns))
            SELECT \(AuditStatements.typedValues(from: 5))
            WHERE EXISTS (SELECT 1 FROM \(t) WHERE \(one) AND xmin = $4)
            """, scope: owner)
        appendUseOfSame = SQLStatement(
            "\(t).append_use_of_same",
            """
            INSERT INTO audit_events (\(AuditStatements.columns))
            SELECT $15, $16, $17, $18, $19, $20, $21, $22, $23, $24, $25, $26
            WHERE EXISTS (
                SELECT 1 FROM \(t) WHERE \(one) AND encrypted_key = $4 AND key_hash = $5 AND key_hint IS $6 AND kind = $7
                    AND base_url = $8 AND suite = $9 AND root_kid = $10 AND row_version = $11 AND salt = $12
                    AND verdict = $13 AND expires_at IS $14
            )
            """, scope: owner)
        selectAll = SQLStatement(
            "\(t).select_all", "SELECT \(Self.columns) FROM \(t) WHERE user_id = $1 ORDER BY provider, name",
            scope: owner)
        insert = SQLStatement(
            "\(t).insert",
            """
            INSERT INTO \(t) (\(Self.columns), is_valid)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22,
                    $23, $24, $25)
            ON CONFLICT (user_id, provider, name) DO NOTHING
            """, scope: owner)
        update = SQLStatement(
            "\(t).update",
            """
            UPDATE \(t) SET encrypted_key = $4, key_hash = $5, key_hint = $6, kind = $7, label = $8, base_url = $9,
                suite = $10, root_kid = $11, row_version = $12, salt = $13, verdict = $14, check_status = $15,
                check_code = $16, checked_at = $17, check_decisive = $18, last_validated = $19, next_check_at = $20,
                expires_at = $21, created_at = $22, updated_at = $23, last_used_at = $24, is_valid = $25
            WHERE \(one) AND row_version = $26
            """, scope: owner)
        recordCheck = SQLStatement(
            "\(t).record_check",
            """
            UPDATE \(t) SET verdict = $5, is_valid = $6, check_status = $7, check_code = $8, checked_at = $9,
                check_decisive = $10, last_validated = CASE WHEN $11 THEN $9 ELSE last_validated END, next_check_at = $12
            WHERE \(one) AND row_version = $4
            """, scope: owner)
        recordUse = SQLStatement(
            "\(t).record_use", "UPDATE \(t) SET last_used_at = $4 WHERE \(one)", scope: owner)
        postpone = SQLStatement("\(t).postpone", "UPDATE \(t) SET next_check_at = $4 WHERE \(one)", scope: owner)
        delete = SQLStatement("\(t).delete", "DELETE FROM \(t) WHERE \(one) RETURNING row_version", scope: owner)
        deleteAll = SQLStatement(
            "\(t).delete_all", "DELETE FROM \(t) WHERE user_id = $1 RETURNING provider, name", scope: owner)
        due = SQLStatement(
            "\(t).due",
            "SELECT \(Self.columns) FROM \(t) WHERE next_check_at <= $1 ORDER BY next_check_at LIMIT $2",
            scope: everyone)
        count = SQLStatement("\(t).count", "SELECT COUNT(*) FROM \(t)", scope: everyone)
        walk = SQLStatement(
            "\(t).walk", "SELECT \(Self.columns), id FROM \(t) WHERE id > $1 ORDER BY id LIMIT $2", scope: everyone)
    }
}
