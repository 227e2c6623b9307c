import GRDB
import LatchkeyCore
import LatchkeyTesting
import Testing

@testable import LatchkeySQL

/// Moving house: from SQLite to PostgreSQL and back.
@Suite(TestPostgreSQL.isThere, .serialized)
struct BackupPostgreSQLTests {
    @Test(arguments: [1, 2] as [UInt64])
    func `there and back again is where one was`(seed: UInt64) async throws {
        let fixture = try await BackupFixture(keys: 250, seed: seed)
        try await fixture.write()
        let back = fixture.database.folder.file("back.gz")
        let postgres = try await TestPostgreSQL()
        try await postgres.withStore { store in
            try await fixture.check().restore(into: store)
            let manifest = try await Backup.write(
                store, to: back, replacing: false, keyring: fixture.keyring, at: Sample.time)
            #expect(manifest.counts.map(\.rows).reduce(0, +) > 500)
        }
        #expect(try allRows(try await fixture.restored(from: back)) == allRows(fixture.database))
        // Byte for byte, but for the word in the header that says where it was made, and what is computed over it.
        let lines = try backupLines(fixture.backup)
        #expect(try backupLines(back).dropFirst().dropLast() == lines.dropFirst().dropLast())
    }

    @Test func `new rows get new ids after a restore`() async throws {
        let fixture = try await BackupFixture(keys: 20)
        try await fixture.write()
        let postgres = try await TestPostgreSQL()
        try await postgres.withStore { store in
            try await fixture.check().restore(into: store)
            for owner in [try Sample.user("newcomer"), .global] {
                try await store.write(Sample.key(try Sample.reference(owner, "gemini")))
            }
        }
        let tables = ["user_api_keys", "global_api_keys", "audit_events"]
        for table in tables {
            let source = try fixture.database.count(table)
            let counts = try await postgres.column("SELECT COUNT(*) FROM \(table)")
            #expect(counts == ["\(source + (table == "audit_events" ? 2 : 1))"])
        }
    }

    @Test func `a database that holds keys is refused`() async throws {
        let fixture = try await BackupFixture(keys: 5)
        try await fixture.write()
        let postgres = try await TestPostgreSQL()
        try await postgres.withStore { store in
            let backup = try await fixture.check()
            try await store.write(Sample.key(try Sample.reference(try Sample.user("somebody"))))
            #expect(await code { try await backup.restore(into: store) } == .configuration)
        }
        #expect(try await postgres.column("SELECT COUNT(*) FROM user_api_keys") == ["1"])
    }

    /// SQLite keeps longer text than its columns say.
    @Test func `a row that does not fit leaves the database empty, and says where it stands`() async throws {
        let fixture = try await BackupFixture(keys: 250)
        try fixture.database.raw {
            try $0.execute(
                sql: "UPDATE user_api_keys SET label = ? WHERE id = 150",
                arguments: [String(repeating: "x", count: 121)])
        }
        try await fixture.write()
        let postgres = try await TestPostgreSQL()
        try await postgres.withStore { store in
            let backup = try await fixture.check()
            let error = await #expect(throws: LatchkeyError.self) { try await backup.restore(into: store) }
            #expect(error?.code == .storeUnavailable)
            #expect(error?.reason.contains("rows 101 to 200 of user_api_keys") == true, "\(String(describing: error))")
        }
        for table in BackupTable.all {
            #expect(try await postgres.column("SELECT COUNT(*) FROM \(table.name)") == ["0"])
        }
    }
}
