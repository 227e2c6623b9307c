import Foundation
import GRDB
import LatchkeyCore
import LatchkeyCrypto
import LatchkeyTesting
import Testing

@testable import LatchkeySQL

/// What comes out is what went in, whatever it was.
struct BackupRoundTripTests {
    @Test(arguments: [1, 2, 3, 4] as [UInt64])
    func `every row of every table comes back as it was`(seed: UInt64) async throws {
        let fixture = try await BackupFixture(keys: 40, seed: seed)
        let manifest = try await fixture.write()
        let rows = try allRows(fixture.database)
        #expect(manifest.rows == rows.count)
        #expect(manifest.counts.allSatisfy { $0.rows > 0 }, "a table was empty: nothing is shown of it")
        #expect(try allRows(try await fixture.restored()) == rows)
    }

    /// Pages and statements end inside a table, on its last row, and with none.
    @Test(arguments: [0, 1, 99, 100, 101, 999, 1000, 1001, 2000])
    func `no row is lost where a page ends`(count: Int) async throws {
        let fixture = try await BackupFixture(keys: 0)
        try fixture.database.raw { connection in
            try connection.execute(
                sql: """
                    WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < \(count))
                    INSERT INTO user_settings SELECT 'user-' || i, 'setting', i % 2 FROM n WHERE i <= \(count)
                    """)
        }
        try await fixture.write()
        #expect(try allRows(try await fixture.restored()) == allRows(fixture.database))
    }

    @Test func `an empty database is a backup of no rows`() async throws {
        let database = try await TestDatabase()
        let keyring = try RootKeyring(roots: [VaultFixture.newRoot(7)], now: { 0 })
        let path = database.folder.file("backup.gz")
        let manifest = try await Backup.write(
            database.store, to: path, replacing: false, keyring: keyring, at: Sample.time)
        #expect(manifest.rows == 0 && manifest.kid == 7 && manifest.keyset == [])
        let target = try await TestDatabase(migrated: false)
        try await VerifiedBackup(checking: path, keyring: keyring).restore(into: target.store)
        #expect(try allRows(target) == [])
    }

    /// SQLite keeps in a column whatever somebody puts there. A backup of it is not the place to lose it.
    @Test func `values that no program of ours wrote come back too`() async throws {
        let fixture = try await BackupFixture(keys: 30)
        let weird: [(String, DatabaseValue)] = [
            ("label", "\u{0}nul\u{0}".databaseValue), ("label", Data([0x61, 0xFF, 0xFE]).databaseValue),
            ("label", String(repeating: "\u{1F511}\u{1}\"\\", count: 20_000).databaseValue),
            ("row_version", "abc".databaseValue), ("row_version", Int64.max.databaseValue),
            ("row_version", Int64.min.databaseValue), ("row_version", 1.5.databaseValue),
            ("is_valid", 2.databaseValue), ("is_valid", (-1).databaseValue), ("is_valid", "true".databaseValue),
            ("created_at", "yesterday".databaseValue), ("created_at", "".databaseValue),
            ("expires_at", "infinity".databaseValue), ("suite", "".databaseValue),
            ("encrypted_key", "".databaseValue), ("key_hint", "\u{2028}\r\n\t\u{8}".databaseValue),
        ]
        try fixture.database.raw { connection in
            for (index, (column, value)) in weird.enumerated() {
                try connection.execute(
                    sql: "UPDATE user_api_keys SET \(column) = ? WHERE id = ?", arguments: [value, index + 1])
                #expect(connection.changesCount == 1)
            }
        }
        try await fixture.write()
        let restored = try await fixture.restored()
        // A blob comes back as a text of the same bytes, which is all that is read of it.
        let expected = try allRows(fixture.database).map { $0.replacing("\"blob\"", with: "\"text\"") }
        #expect(try allRows(restored) == expected)
    }

    @Test func `a time that the database wrote itself is the same time`() async throws {
        let fixture = try await BackupFixture(keys: 0)
        try fixture.database.raw {
            try $0.execute(
                sql: """
                    INSERT INTO user_api_keys (user_id, provider, encrypted_key, key_hash, suite, root_kid, row_version,
                        salt, kind, base_url, created_at) VALUES ('u', 'p', '', '', 1, 1, 1, '', '', '', '2026-02-03 04:05:06')
                    """)
        }
        try await fixture.write()
        let restored = try await fixture.restored()
        let time = try restored.raw { try String.fetchOne($0, sql: "SELECT created_at FROM user_api_keys") }
        #expect(time == "2026-02-03 04:05:06.000000")
    }

    @Test func `a row that is too long to be read back is refused when it is written`() async throws {
        let fixture = try await BackupFixture(keys: 3)
        try fixture.database.raw {
            try $0.execute(
                sql: "UPDATE user_api_keys SET label = ? WHERE id = 1",
                arguments: [String(repeating: "x", count: GzipLineReader.longestLine)])
        }
        let error = await #expect(throws: LatchkeyError.self) { try await fixture.write() }
        #expect(error?.reason.contains("longer than 1 MiB") == true)
        #expect(!FileManager.default.fileExists(atPath: fixture.backup))
        #expect(!FileManager.default.fileExists(atPath: fixture.backup + ".partial"))
    }

    @Test func `a row whose key the order does not reach is not left out in silence`() async throws {
        let fixture = try await BackupFixture(keys: 3)
        try fixture.database.raw { connection in
            // More than a page; SQLite lets NULL into such a primary key.
            for _ in 0..<1001 {
                try connection.execute(sql: "INSERT INTO deployment_facts (fact, value) VALUES (NULL, 'x')")
            }
        }
        let error = await #expect(throws: LatchkeyError.self) { try await fixture.write() }
        #expect(error?.reason == "not every row of deployment_facts could be read")
        #expect(!FileManager.default.fileExists(atPath: fixture.backup))
    }

    @Test func `what is written meanwhile is not in it`() async throws {
        let fixture = try await BackupFixture(keys: 30)
        let before = try allRows(fixture.database)
        let database = fixture.database
        _ = try await Backup.write(
            database.store, to: fixture.backup, replacing: false, keyring: fixture.keyring, at: Sample.time
        ) { _, _ in
            try? database.raw { try $0.execute(sql: "DELETE FROM user_settings; DELETE FROM deployment_facts") }
        }
        #expect(try allRows(database) != before)
        #expect(try allRows(try await fixture.restored()) == before)
    }

    @Test func `the lines are JSON that names its columns, and the keys in them are sealed`() async throws {
        let fixture = try await BackupFixture(keys: 3)
        try await fixture.write()
        let lines = try backupLines(fixture.backup).map { String(decoding: $0, as: UTF8.self) }
        #expect(
            lines.first
                == """
                {"latchkey_backup":1,"schema":6,"created_at":"2026-01-01T00:00:00Z","dialect_of_origin":"sqlite"}

                """)
        #expect(
            lines.dropFirst().first?.hasPrefix(#"{"user_api_keys":{"id":1,"user_id":"alice-0","provider":"#) == true)
        #expect(lines.last?.hasPrefix(#"{"manifest":{"counts":{"user_api_keys":3,"global_api_keys":1,"#) == true)
        for line in lines {
            #expect(throws: Never.self) { try JSONSerialization.jsonObject(with: Data(line.utf8)) }
        }
    }
}
