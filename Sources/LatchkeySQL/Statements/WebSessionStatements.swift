import LatchkeyCore

/// The statements on `web_sessions`.
enum WebSessionStatements {
    /// The columns that `WebSessionColumns` decodes, in its order.
    private static let columns =
        "user_id, id, kind, secret_hash, is_admin, method, created_at, expires_at, root_kid, mac"

    /// The one that runs before anybody is known.
    static let select = SQLStatement(
        "web_sessions.select", "SELECT \(columns) FROM web_sessions WHERE id = $1", scope: .everyone)

    static let insert = SQLStatement(
        "web_sessions.insert",
        "INSERT INTO web_sessions (\(columns)) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)", scope: .owner)

    /// All but the newest. `$3`: how many those are.
    static let selectOldest = SQLStatement(
        "web_sessions.select_oldest",
        """
        SELECT id FROM web_sessions WHERE user_id = $1 AND kind = $2
        ORDER BY created_at DESC, id LIMIT 1000 OFFSET $3
        """, scope: .owner)

    static let delete = SQLStatement(
        "web_sessions.delete", "DELETE FROM web_sessions WHERE user_id = $1 AND id = $2 AND kind = $3", scope: .owner)

    /// Of everybody: what has expired grants nothing.
    static let deleteExpired = SQLStatement(
        "web_sessions.delete_expired", "DELETE FROM web_sessions WHERE expires_at <= $1", scope: .everyone)
}

/// A row of `web_sessions` to and from its columns. Never fails on what a column holds: what does not decode becomes a
/// value under which the row's MAC does not hold.
enum WebSessionColumns {
    /// - Returns: nil for a row of no kind that is known here.
    static func decode(_ row: any SQLRow) -> WebSessionRow? {
        guard let kind = row.text(2).flatMap({ WebSessionRow.Kind(rawValue: $0) }) else { return nil }
        // There is no third value that could stand for what is neither true nor false.
        let mac = row.bool(4) == nil ? [] : hex(row, 9)
        return WebSessionRow(
            id: row.text(1) ?? "", kind: kind, userID: row.bytes(0) ?? [0], secretHash: hex(row, 3),
            isAdmin: row.bool(4) ?? false, method: row.text(5) ?? "\u{0}",
            createdAt: row.timestamp(6) ?? .unreadable, expiresAt: row.timestamp(7) ?? .unreadable,
            rootKid: row.integer(8).flatMap { UInt32(exactly: $0) } ?? 0, mac: mac)
    }

    private static func hex(_ row: any SQLRow, _ column: Int) -> [UInt8] {
        row.withText(column) { Hex.decode($0) ?? [] } ?? []
    }

    /// The values of `insert`, `$1` to `$10`.
    static func values(_ row: WebSessionRow) -> [SQLValue] {
        [
            .utf8(row.userID), .text(row.id), .text(row.kind.rawValue), .utf8(Hex.encode(row.secretHash)),
            .bool(row.isAdmin), .text(row.method), .text(row.createdAt.sql), .text(row.expiresAt.sql),
            .integer(Int64(row.rootKid)), .utf8(Hex.encode(row.mac)),
        ]
    }
}
