import LatchkeyCore

/// The statements on `access_tokens`. Those that deal with one owner's rows are made twice: a user's run under that
/// user's name alone; the service has none that row-level security could know.
struct AccessTokenStatements: Sendable {
    let selectAll: SQLStatement
    let selectForUpdate: SQLStatement
    let countLive: SQLStatement
    let insert: SQLStatement
    let update: SQLStatement
    let recordUse: SQLStatement
    let delete: SQLStatement

    static let user = AccessTokenStatements("user", scope: .owner)
    static let service = AccessTokenStatements("service", scope: .everyone)

    static func `for`(_ owner: KeyOwner) -> AccessTokenStatements { owner == .global ? service : user }

    /// The one that runs before anybody is known.
    static let select = SQLStatement(
        "access_tokens.select", "SELECT \(columns) FROM access_tokens WHERE id = $1", scope: .everyone)

    /// The columns that `AccessTokenColumns` decodes, in its order.
    static let columns = """
        user_id, id, label, secret_hash, scopes, providers, models, networks, limits, created_at, expires_at, \
        revoked_at, replaced_by, root_kid, row_version, mac, last_used_at
        """

    private init(_ name: String, scope: SQLStatement.Scope) {
        func statement(_ what: String, _ sql: String, locksRows: Bool = false) -> SQLStatement {
            SQLStatement("access_tokens.\(what).\(name)", sql, scope: scope, locksRows: locksRows)
        }
        let one = "user_id = $1 AND id = $2"
        let columns = Self.columns
        selectAll = statement(
            "select_all",
            "SELECT \(columns) FROM access_tokens WHERE user_id = $1 ORDER BY created_at DESC, id LIMIT $2")
        selectForUpdate = statement(
            "select_for_update", "SELECT \(columns) FROM access_tokens WHERE \(one)", locksRows: true)
        countLive = statement(
            "count_live",
            """
            SELECT COUNT(*) FROM access_tokens
            WHERE user_id = $1 AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > $2)
            """)
        insert = statement(
            "insert",
            """
            INSERT INTO access_tokens (\(columns))
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)
            """)
        update = statement(
            "update",
            """
            UPDATE access_tokens SET label = $3, secret_hash = $4, scopes = $5, providers = $6, models = $7,
                networks = $8, limits = $9, created_at = $10, expires_at = $11, revoked_at = $12, replaced_by = $13,
                root_kid = $14, row_version = $15, mac = $16, last_used_at = $17
            WHERE \(one)
            """)
        recordUse = statement("record_use", "UPDATE access_tokens SET last_used_at = $3 WHERE \(one)")
        delete = statement("delete", "DELETE FROM access_tokens WHERE \(one)")
    }
}

/// A row of `access_tokens` to and from its columns. Never fails on what a column holds: what does not decode becomes a
/// value under which the row's MAC does not hold.
enum AccessTokenColumns {
    static func decode(_ row: any SQLRow) -> AccessTokenRow {
        AccessTokenRow(
            id: row.text(1) ?? "", userID: row.bytes(0) ?? [0], label: row.text(2) ?? "\u{0}",
            secretHash: hex(row, 3), scopes: row.text(4) ?? "\u{0}", providers: row.text(5) ?? "\u{0}",
            models: row.text(6) ?? "\u{0}", networks: row.text(7) ?? "\u{0}", limits: row.text(8) ?? "\u{0}",
            createdAt: row.timestamp(9) ?? .unreadable, expiresAt: time(row, 10), revokedAt: time(row, 11),
            replacedBy: row.text(12), rootKid: row.integer(13).flatMap { UInt32(exactly: $0) } ?? 0,
            rowVersion: row.integer(14).flatMap { UInt64(exactly: $0) } ?? 0, mac: hex(row, 15),
            lastUsedAt: row.timestamp(16))
    }

    /// NULL is no time; what is there and cannot be read must not be taken for that.
    private static func time(_ row: any SQLRow, _ column: Int) -> Timestamp? {
        row.timestamp(column) ?? (row.text(column) == nil ? nil : .unreadable)
    }

    private static func hex(_ row: any SQLRow, _ column: Int) -> [UInt8] {
        row.withText(column) { Hex.decode($0) ?? [] } ?? []
    }

    /// The values of `insert` and `update`, `$1` to `$17`.
    static func values(_ row: AccessTokenRow) -> [SQLValue] {
        [
            .utf8(row.userID), .text(row.id), .text(row.label), .utf8(Hex.encode(row.secretHash)), .text(row.scopes),
            .text(row.providers), .text(row.models), .text(row.networks), .text(row.limits), .text(row.createdAt.sql),
            SQLValue(row.expiresAt), SQLValue(row.revokedAt), SQLValue(row.replacedBy), .integer(Int64(row.rootKid)),
            .integer(Int64(clamping: row.rowVersion)), .utf8(Hex.encode(row.mac)), SQLValue(row.lastUsedAt),
        ]
    }
}

extension Timestamp {
    /// Stands in for a time that cannot be read: long gone, and nothing that was ever written.
    static let unreadable = Timestamp(microseconds: .min)
}
