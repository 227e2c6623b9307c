import GRDB
import LatchkeyCore
import LatchkeySQL
import LatchkeyTesting
import Testing

struct MigrationTests {
    private let migrations = Schema.migrations(.sqlite)

    @Test func `a new database gets every migration, in order, with its checksum`() async throws {
        let database = try await TestDatabase(migrated: false)
        #expect(try await database.store.missingMigrations() == migrations)
        #expect(try await database.store.migrate() == migrations)
        #expect(
            try await database.driver.appliedMigrations()
                == migrations.map {
                    AppliedMigration(
                        version: $0.version, name: $0.name, checksum: $0.checksum, compatibleWith: $0.compatibleWith)
                })
        #expect(migrations.map(\.version) == Array(1...migrations.count))
    }

    @Test func `migrating again runs nothing and changes no byte`() async throws {
        let database = try await TestDatabase()
        let before = try fileBytes(database.path)
        #expect(try await database.store.migrate() == [])
        #expect(try await database.driver.migrate(migrations) == [])
        #expect(try fileBytes(database.path) == before)
    }

    @Test func `looking for missing migrations writes nothing`() async throws {
        let database = try await TestDatabase(migrated: false)
        _ = try await database.store.missingMigrations()
        #expect(try database.raw { try String.fetchAll($0, sql: "SELECT name FROM sqlite_master") } == [])
    }

    @Test(arguments: [1, 2, 3, 4, 5, 6])
    func `a migration whose checksum is another one is refused before anything is written`(version: Int) async throws {
        let database = try await TestDatabase()
        try database.raw {
            try $0.execute(
                sql: "UPDATE schema_migrations SET checksum = ? WHERE version = ?",
                arguments: [String(repeating: "0", count: 64), version])
        }
        try await expectRefusal(.schemaChanged, of: database)
    }

    @Test func `a missing step between others is made up for`() async throws {
        let database = try await TestDatabase()
        try database.raw {
            try $0.execute(sql: "DELETE FROM schema_migrations WHERE version = 2")
            try $0.execute(sql: "DROP TABLE audit_events")
        }
        #expect(try await database.store.migrate().map(\.version) == [2])
        try await database.store.append(Sample.event())
    }

    @Test(arguments: [7, 8, 1_000_000, Int(Int32.max)])
    func `a database that a newer program migrated is refused before anything is written`(version: Int) async throws {
        let database = try await TestDatabase()
        try database.raw {
            try $0.execute(
                sql: "INSERT INTO schema_migrations (version, name, checksum) VALUES (?, 'later', 'x')",
                arguments: [version])
        }
        try await expectRefusal(.schemaTooNew, of: database)
    }

    @Test func `a migration that fails leaves nothing of itself`() async throws {
        let database = try await TestDatabase(migrated: false)
        let broken = Migration(
            version: 1, name: "broken", statements: ["CREATE TABLE first (id INTEGER)", "CREATE TABLE nonsense ("])
        #expect(await code { try await database.driver.migrate([broken]) } == .storeUnavailable)
        #expect(try database.raw { try String.fetchAll($0, sql: "SELECT name FROM sqlite_master") } == [])
        #expect(try await database.store.migrate() == migrations)
    }

    @Test func `programs that start at once share the work`() async throws {
        let folder = try TemporaryFolder()
        let path = folder.newFile()
        let drivers = try (0..<4).map { _ in try SQLiteDriver(path: path, readers: 1) }
        let runs = try await withThrowingTaskGroup(of: [Migration].self) { group in
            for driver in drivers { group.addTask { try await SQLStore(driver: driver).migrate() } }
            return try await group.reduce(into: [Migration]()) { $0 += $1 }
        }
        #expect(runs.map(\.version).sorted() == migrations.map(\.version))
        for driver in drivers { #expect(try await SQLStore(driver: driver).missingMigrations() == []) }
    }

    @Test func `the checksum covers every statement and their borders`() {
        func checksum(_ statements: [String]) -> String {
            Migration(version: 1, name: "a", statements: statements).checksum
        }
        let all = [["a", "b"], ["a"], ["b", "a"], ["ab"], ["a", "b", ""], []].map(checksum)
        #expect(Set(all).count == all.count)
        #expect(all.allSatisfy { $0.wholeMatch(of: /[0-9a-f]{64}/) != nil })
    }

    /// Both dialects' migrations are frozen once released: whoever changes one sees it here first.
    @Test func `released migrations are what they were`() {
        #expect(
            migrations.map(\.name)
                == ["keys", "audit", "keyset and settings", "many nodes", "gateway", "front end"])
        #expect(Schema.migrations(.postgresql).map(\.version) == migrations.map(\.version))
        #expect(
            migrations.map { String($0.checksum.prefix(16)) }
                == [
                    "dccdce3aebab0a5d", "ef81eb473ae229b3", "c24ba7c3094e9507", "1b27bd5ee2c560a8", "c63db41ed3c859ae",
                    "0d2af09d17b8a25c",
                ])
        #expect(
            Schema.migrations(.postgresql).map { String($0.checksum.prefix(16)) }
                == [
                    "e10942bdbe61e189", "93552c0c16a86dd2", "c24ba7c3094e9507", "f88cbd2396b84c39", "bd9db41791993b4c",
                    "c57203e3eb9f59fa",
                ])
    }

    private func expectRefusal(_ expected: ErrorCode, of database: TestDatabase) async throws {
        let before = try fileBytes(database.path)
        let walBefore = try fileBytes(database.path + "-wal")
        // As at a start: a driver of its own.
        let driver = try SQLiteDriver(path: database.path)
        let store = SQLStore(driver: driver)
        #expect(await code { try await store.missingMigrations() } == expected)
        #expect(await code { try await store.migrate() } == expected)
        #expect(await code { try await driver.migrate(migrations) } == expected)
        #expect(try fileBytes(database.path) == before)
        #expect(try fileBytes(database.path + "-wal") == walBefore)
    }
}
