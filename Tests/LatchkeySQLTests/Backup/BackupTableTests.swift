import GRDB
import LatchkeyTesting
import Testing

@testable import LatchkeySQL

/// What a backup holds is what the schema has: whoever adds a column or a table hears of it here.
struct BackupTableTests {
    @Test func `every table of the schema is kept, or left out on purpose`() async throws {
        let database = try await TestDatabase()
        let tables = try database.raw {
            try String.fetchAll(
                $0, sql: "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
        }
        #expect(Set(tables) == Set(BackupTable.all.map(\.name)).union(BackupTable.leftOut))
        #expect(tables.count == BackupTable.all.count + BackupTable.leftOut.count)
    }

    @Test(arguments: BackupTable.all)
    func `every column of a table is kept, in its order, as what it is`(table: BackupTable) async throws {
        let database = try await TestDatabase()
        let columns = try database.raw { connection in
            try Row.fetchAll(connection, sql: "SELECT name, type, pk FROM pragma_table_info('\(table.name)')")
        }.filter { !isLeftOut($0["name"], of: table) }
        #expect(columns.map { $0["name"] as String } == table.columns.map(\.name))
        #expect(try columns.map { try kind($0["type"]) } == table.columns.map(\.kind))
        let key = columns.filter { $0["pk"] as Int > 0 }.sorted { ($0["pk"] as Int) < ($1["pk"] as Int) }
        #expect(key.map { $0["name"] as String } == table.key)
        #expect(table.keyIndices.count == table.key.count)
    }

    /// Each column says truly since when it is there: a database of that version has it, the one before has not.
    @Test func `a column's version is that of its migration`() async throws {
        let migrations = Schema.migrations(.sqlite)
        for count in 1...migrations.count {
            let database = try await TestDatabase(migrated: false)
            _ = try await database.driver.migrate(Array(migrations.prefix(count)))
            for table in BackupTable.all {
                let names = try database.raw {
                    try String.fetchAll($0, sql: "SELECT name FROM pragma_table_info('\(table.name)')")
                }
                .filter { !isLeftOut($0, of: table) }
                let isThere = table.since <= count
                #expect(names == (isThere ? table.columns(at: count).map(\.name) : []), "\(table.name) at \(count)")
            }
        }
    }

    /// A column is left out only where a restored row has a default of it.
    @Test func `a column that is left out has a default`() async throws {
        let database = try await TestDatabase()
        for (table, columns) in BackupTable.columnsLeftOut {
            for column in columns {
                let defaults = try database.raw {
                    try String.fetchAll(
                        $0, sql: "SELECT dflt_value FROM pragma_table_info('\(table)') WHERE name = '\(column)'")
                }
                #expect(defaults == ["0"])
            }
        }
    }

    private func isLeftOut(_ column: String, of table: BackupTable) -> Bool {
        BackupTable.columnsLeftOut[table.name]?.contains(column) ?? false
    }

    @Test func `statements of one name are one statement`() {
        let statements = BackupTable.all.flatMap { table in
            [table.firstPage, table.nextPage, table.count, table.any, table.insert(table.columns, rows: 1)]
                + [table.insert(table.columns, rows: 100), table.afterInsert(.postgresql)].compactMap { $0 }
        }
        #expect(Set(statements.map(\.name)).count == statements.count)
        for statement in statements { #expect(statement.scope == .everyone) }
    }

    @Test(TestPostgreSQL.isThere) func `PostgreSQL has the same columns, of the same kinds`() async throws {
        let database = try await TestPostgreSQL()
        try await database.withStore { store in
            for table in BackupTable.all {
                let statement = SQLStatement(
                    "test.columns",
                    """
                    SELECT column_name, data_type FROM information_schema.columns WHERE table_name = $1
                    ORDER BY ordinal_position
                    """)
                var columns: [(String, String)] = []
                try await store.driver.query(statement, [.text(table.name)]) { row in
                    let name = row.text(0) ?? ""
                    if !isLeftOut(name, of: table) { columns.append((name, row.text(1) ?? "")) }
                }
                #expect(columns.map(\.0) == table.columns.map(\.name))
                #expect(try columns.map { try kind($0.1) } == table.columns.map(\.kind))
            }
        }
    }

    private func kind(_ type: String) throws -> BackupTable.Column.Kind {
        let type = type.uppercased()
        if ["INTEGER", "BIGINT", "SMALLINT"].contains(type) { return .integer }
        if type == "BOOLEAN" { return .bool }
        if type.hasPrefix("TIMESTAMP") { return .timestamp }
        guard type == "TEXT" || type.hasPrefix("VARCHAR") || type.hasPrefix("CHARACTER VARYING") else {
            throw ContractViolation("\(type) is a type that no backup has held so far")
        }
        return .text
    }
}
