import LatchkeyCore

/// The audit log: added to, and read.
enum AuditStatements {
    static let columns = """
        at, actor_kind, actor_id, action, owner_kind, user_id, provider, name, row_version, outcome, detail, request_id
        """

    static let insert = SQLStatement(
        "audit_events.insert",
        """
        INSERT INTO audit_events (\(columns))
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
        """)

    static let newest = SQLStatement(
        "audit_events.newest", "SELECT \(columns) FROM audit_events ORDER BY id DESC LIMIT $1", scope: .everyone)

    /// The values of `columns` as a SELECT has to have them, numbered from `first` on.
    static func typedValues(from first: Int) -> String {
        columns.split(separator: ", ").enumerated().map { index, column in
            let type =
                switch column {
                case "at": "TIMESTAMP"
                case "row_version": "BIGINT"
                default: "VARCHAR"
                }
            return "CAST($\(first + index) AS \(type))"
        }.joined(separator: ", ")
    }

    /// PostgreSQL only: whether an event was written. Its time to the microsecond and its request tell it from any
    /// other; what the transaction adds to it (version, count) is left out. It looks back over the newest events only:
    /// it is asked seconds after.
    static func evidence(_ event: AuditEvent) -> SQLEvidence {
        let values = values(event)
        return SQLEvidence(find, Array(values[0..<8]) + [values[11]])
    }

    private static let find = SQLStatement(
        "audit_events.find",
        """
        SELECT 1 FROM audit_events
        WHERE id > (SELECT COALESCE(MAX(id), 0) - 200000 FROM audit_events) AND at = $1 AND actor_kind = $2
            AND actor_id IS NOT DISTINCT FROM $3 AND action = $4 AND owner_kind IS NOT DISTINCT FROM $5
            AND user_id IS NOT DISTINCT FROM $6 AND provider IS NOT DISTINCT FROM $7
            AND name IS NOT DISTINCT FROM $8 AND request_id IS NOT DISTINCT FROM $9
        ORDER BY id DESC LIMIT 1
        """, scope: .everyone)

    static func values(_ event: AuditEvent) -> [SQLValue] {
        let (ownerKind, userID): (String?, String?) =
            switch event.owner {
            case .user(let id): ("user", id.text)
            case .global: ("global", nil)
            case nil: (nil, nil)
            }
        return [
            .text(event.at.sql), .text(event.actor.kind.rawValue), SQLValue(event.actor.id),
            .text(event.action.rawValue),
            SQLValue(ownerKind), SQLValue(userID), SQLValue(event.provider?.text), SQLValue(event.name?.text),
            event.rowVersion.map { .integer(Int64(clamping: $0)) } ?? .null, .text(event.outcome),
            SQLValue(event.detail), SQLValue(event.requestID),
        ]
    }

    static func decode(_ row: any SQLRow) throws -> AuditEvent {
        guard let at = row.timestamp(0), let kind = row.text(1).flatMap({ Actor.Kind(rawValue: $0) }),
            let action = row.text(3).flatMap({ AuditEvent.Action(rawValue: $0) }), let outcome = row.text(9)
        else { throw LatchkeyError(.integrity, "an audit event cannot be read") }
        let owner: KeyOwner? =
            switch row.text(4) {
            case "user": row.bytes(5).flatMap { try? UserID($0) }.map { .user($0) }
            case "global": .global
            default: nil
            }
        return AuditEvent(
            at: at, actor: Actor(kind: kind, id: row.text(2)), action: action, owner: owner,
            provider: row.text(6).flatMap { ProviderID($0) }, name: row.text(7).flatMap { try? KeyName($0) },
            rowVersion: row.integer(8).flatMap { UInt64(exactly: $0) }, outcome: outcome, detail: row.text(10),
            requestID: row.text(11))
    }
}
