import LatchkeyCore
import LatchkeySQL

/// The old table in a SQL database. Each question is asked in a transaction that cannot write.
package struct SQLReferenceSource: ReferenceSource {
    private let driver: any SQLDriver
    private let table: String
    private let firstPage: SQLStatement
    private let nextPage: SQLStatement
    private let rowAt: SQLStatement
    private let rowCount: SQLStatement
    private let providerCounts: SQLStatement

    init(driver: any SQLDriver, table: String) throws(LatchkeyError) {
        self.driver = driver
        self.table = table
        let quoted = try Self.quoted(table)
        // Ids are compared in their own type and carried as text, so that integers and UUIDs are walked alike. The names
        // are qualified because to PostgreSQL a bare `id` after ORDER BY is the text that was selected: 10 before 9.
        let columns = ["id", "user_id", "provider", "encrypted_key"].map { "CAST(old.\($0) AS TEXT)" }
        let select = "SELECT \(columns.joined(separator: ", ")) FROM \(quoted) AS old"
        firstPage = SQLStatement("import.first_page", "\(select) ORDER BY old.id LIMIT $1")
        nextPage = SQLStatement("import.next_page", "\(select) WHERE old.id > $1 ORDER BY old.id LIMIT $2")
        rowAt = SQLStatement("import.row_at", "\(select) ORDER BY old.id LIMIT 1 OFFSET $1")
        rowCount = SQLStatement("import.count", "SELECT COUNT(*) FROM \(quoted)")
        providerCounts = SQLStatement(
            "import.providers",
            """
            SELECT CAST(old.provider AS TEXT), COUNT(*) FROM \(quoted) AS old
            GROUP BY old.provider ORDER BY old.provider LIMIT $1
            """)
    }

    /// `name` or `schema.name`. Letters, digits and `_` only: a name that needs more can be given a view.
    private static func quoted(_ table: String) throws(LatchkeyError) -> String {
        let parts = table.split(separator: ".", omittingEmptySubsequences: false)
        let areNames = parts.allSatisfy { part in
            !part.isEmpty && part.utf8.count <= 63
                && part.unicodeScalars.allSatisfy {
                    $0 == "_" || $0.isASCII && $0.properties.isAlphabetic || $0.isDigit
                }
        }
        guard (1...2).contains(parts.count), areNames else {
            throw LatchkeyError(
                .configuration, "--table is not the name of a table",
                hint: "write NAME or SCHEMA.NAME, of letters, digits and _; a view will do for other names")
        }
        return parts.map { "\"\($0)\"" }.joined(separator: ".")
    }

    package func count() async throws -> Int {
        var answer = 0
        for row in try await ask(rowCount, [], { $0.integer(0) }) { answer = row.flatMap { Int(exactly: $0) } ?? 0 }
        return answer
    }

    package func rows(after id: String?, limit: Int) async throws -> [ReferenceRow] {
        let limit = SQLValue.integer(Int64(limit))
        guard let id else { return try await ask(firstPage, [limit], Self.decode) }
        return try await ask(nextPage, [.text(id), limit], Self.decode)
    }

    package func row(at place: Int) async throws -> ReferenceRow? {
        try await ask(rowAt, [.integer(Int64(place))], Self.decode).first
    }

    package func providers(limit: Int) async throws -> [(name: String, rows: Int)] {
        try await ask(providerCounts, [.integer(Int64(limit))]) { row in
            (name: row.text(0) ?? "", rows: row.integer(1).flatMap { Int(exactly: $0) } ?? 0)
        }
    }

    package func close() async { await driver.close() }

    private static func decode(_ row: any SQLRow) -> ReferenceRow {
        ReferenceRow(id: row.text(0) ?? "", userID: text(row, 1), provider: text(row, 2), token: row.bytes(3))
    }

    /// nil for what is no UTF-8, too: an id that was mended on the way would be somebody else's.
    private static func text(_ row: any SQLRow, _ column: Int) -> String? {
        row.bytes(column).flatMap { String(validating: $0, as: UTF8.self) }
    }

    private func ask<Value: Sendable>(
        _ statement: SQLStatement, _ values: [SQLValue], _ decode: @escaping @Sendable (any SQLRow) -> Value
    ) async throws -> [Value] {
        do {
            return try await driver.snapshot { transaction in
                var found: [Value] = []
                try transaction.query(statement, values) { found.append(decode($0)) }
                return found
            }
        } catch let error as LatchkeyError {
            throw ReferenceDatabase.ofTheOldOne(error, table: table)
        }
    }
}

extension Unicode.Scalar {
    fileprivate var isDigit: Bool { ("0"..."9").contains(self) }
}
