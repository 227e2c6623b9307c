import LatchkeyCore

/// The audit log: added to, and read.
enum AuditStatements {
    static let insert = SQLStatement(
        "audit_events.insert",
        """
        INSERT INTO audit_events (at, actor_kind, actor_id, action, owner_kind, user_id, provider, name, row_version,
            outcome, detail, request_id)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
        """)

    static let newest = SQLStatement(
        "audit_events.newest",
        """
        SELECT at, actor_kind, actor_id, action, owner_kind, user_id, provider, name, row_version, outcome, detail,
            request_id
        FROM audit_events ORDER BY id DESC LIMIT $1
        """)

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
