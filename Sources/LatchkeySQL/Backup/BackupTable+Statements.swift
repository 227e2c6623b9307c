// Every statement here sees all users' rows: a backup is the one reader of everything.
extension BackupTable {
    /// The first rows in the order of the key. `$1`: how many.
    var firstPage: SQLStatement {
        SQLStatement(
            "backup.\(name).first", "SELECT \(list) FROM \(name) ORDER BY \(keyList) LIMIT $1", scope: .everyone)
    }

    /// The rows after one. `$1` and on: that row's key; then how many.
    var nextPage: SQLStatement {
        let marks = (1...key.count).map { "$\($0)" }.joined(separator: ", ")
        let condition = key.count == 1 ? "\(keyList) > \(marks)" : "(\(keyList)) > (\(marks))"
        return SQLStatement(
            "backup.\(name).next",
            "SELECT \(list) FROM \(name) WHERE \(condition) ORDER BY \(keyList) LIMIT $\(key.count + 1)",
            scope: .everyone)
    }

    var count: SQLStatement {
        SQLStatement("backup.\(name).count", "SELECT COUNT(*) FROM \(name)", scope: .everyone)
    }

    /// Whether there is any row.
    var any: SQLStatement {
        SQLStatement("backup.\(name).any", "SELECT 1 FROM \(name) LIMIT 1", scope: .everyone)
    }

    /// So many rows at once, with their ids.
    func insert(_ columns: [Column], rows: Int) -> SQLStatement {
        let groups = (0..<rows).map { row in
            let marks = (1...columns.count).map { "$\(row * columns.count + $0)" }.joined(separator: ", ")
            return "(\(marks))"
        }
        return SQLStatement(
            "backup.\(name).insert.\(columns.count).\(rows)",
            """
            INSERT INTO \(name) (\(columns.map(\.name).joined(separator: ", ")))
            VALUES \(groups.joined(separator: ", "))
            """, scope: .everyone)
    }

    /// What has to run after the rows are in, where the database does not see by itself that ids were used.
    func afterInsert(_ dialect: SQLDialect) -> SQLStatement? {
        guard hasSequence, dialect == .postgresql else { return nil }
        return SQLStatement(
            "backup.\(name).sequence",
            """
            SELECT setval(pg_get_serial_sequence('\(name)', 'id'), GREATEST(COALESCE(MAX(id), 0) + 1, 1), false)
            FROM \(name)
            """, scope: .everyone)
    }

    /// Keeps every other writer out until the transaction ends. SQLite has but one writer.
    static func lock(_ dialect: SQLDialect) -> SQLStatement? {
        guard dialect == .postgresql else { return nil }
        let names = all.map(\.name).joined(separator: ", ")
        return SQLStatement("backup.lock", "LOCK TABLE \(names) IN EXCLUSIVE MODE")
    }

    static let emptyKeyset = SQLStatement("backup.keyset.empty", "DELETE FROM keyset")

    private var list: String { columns.map(\.name).joined(separator: ", ") }
    private var keyList: String { key.joined(separator: ", ") }

    /// Where the key's columns are among `columns`.
    var keyIndices: [Int] { key.compactMap { name in columns.firstIndex { $0.name == name } } }
}
