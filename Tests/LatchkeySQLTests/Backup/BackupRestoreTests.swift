import Foundation
import GRDB
import LatchkeyCore
import LatchkeyCrypto
import LatchkeyTesting
import Testing

@testable import LatchkeySQL

/// Everything, or an empty database.
struct BackupRestoreTests {
    @Test func `a database that holds anything is left alone`() async throws {
        let fixture = try await BackupFixture(keys: 5)
        try await fixture.write()
        let backup = try await fixture.check()
        for sql in [
            """
            INSERT INTO user_api_keys (user_id, provider, encrypted_key, key_hash, suite, root_kid, row_version, salt,
                kind, base_url) VALUES ('u', 'p', '', '', 1, 1, 1, '', '', '')
            """,
            """
            INSERT INTO global_api_keys (user_id, provider, encrypted_key, key_hash, suite, root_kid, row_version, salt,
                kind, base_url) VALUES ('', 'p', '', '', 1, 1, 1, '', '', '')
            """,
            "INSERT INTO user_settings VALUES ('u', 's', 1)", "INSERT INTO deployment_facts VALUES ('f', 'v')",
            "INSERT INTO audit_events (at, actor_kind, action, outcome) VALUES ('', '', '', '')",
        ] {
            let target = try await TestDatabase()
            try target.raw { try $0.execute(sql: sql) }
            let before = try allRows(target)
            #expect(before.count == 1)
            let error = await #expect(throws: LatchkeyError.self) { try await backup.restore(into: target.store) }
            #expect(error?.code == .configuration)
            #expect(error?.reason.contains("holds rows already") == true)
            #expect(try allRows(target) == before)
        }
    }

    /// A service that was started once on a new database has written its root's check value there.
    @Test func `a keyset without keys is replaced`() async throws {
        let fixture = try await BackupFixture(keys: 5)
        try await fixture.write()
        let target = try await TestDatabase()
        let entry = try await KeysetEntry.make(
            root: try #require(fixture.keyring.root(1)), state: .primary, createdAt: "2030-01-01T00:00:00Z")
        _ = try await target.store.initializeKeyset(entry)
        try await fixture.check().restore(into: target.store)
        #expect(try allRows(target) == allRows(fixture.database))
        #expect(try await target.store.keyset().map(\.createdAt) == ["2026-01-02T03:04:05Z"])
    }

    /// What the last table refuses undoes all tables before it.
    @Test func `a restore that fails at its end leaves nothing, and can be done again`() async throws {
        let fixture = try await BackupFixture(keys: 250)
        try await fixture.write()
        let backup = try await fixture.check()
        let target = try await TestDatabase()
        try target.raw {
            try $0.execute(
                sql: """
                    CREATE TRIGGER no_events BEFORE INSERT ON audit_events WHEN NEW.id = 150
                    BEGIN SELECT RAISE(ABORT, 'no'); END
                    """)
        }
        let error = await #expect(throws: LatchkeyError.self) { try await backup.restore(into: target.store) }
        #expect(error?.reason.contains("rows 101 to 200 of audit_events of the backup") == true)
        #expect(try allRows(target) == [])
        try target.raw { try $0.execute(sql: "DROP TRIGGER no_events") }
        try await backup.restore(into: target.store)
        #expect(try allRows(target) == allRows(fixture.database))
    }

    @Test func `a file that changes after it was checked is not restored`() async throws {
        let fixture = try await BackupFixture(keys: 20)
        try await fixture.write()
        let backup = try await fixture.check()
        let target = try await TestDatabase()
        // Another good backup, written over the first one's bytes.
        let other = try await BackupFixture(keys: 10, seed: 2)
        try await other.write()
        let handle = try #require(FileHandle(forWritingAtPath: fixture.backup))
        try handle.truncate(atOffset: 0)
        try handle.write(contentsOf: Data(try fileBytes(other.backup)))
        try handle.close()
        #expect(await code { try await backup.restore(into: target.store) } == .backupUnusable)
        #expect(try allRows(target) == [])
    }

    @Test func `a file that is replaced after it was checked does not matter`() async throws {
        let fixture = try await BackupFixture(keys: 20)
        try await fixture.write()
        let rows = try allRows(fixture.database)
        let backup = try await fixture.check()
        try fixture.database.raw { try $0.execute(sql: "DELETE FROM user_api_keys") }
        try await fixture.write(replacing: true)
        let target = try await TestDatabase(migrated: false)
        try await backup.restore(into: target.store)
        #expect(try allRows(target) == rows)
    }

    /// As a backup of schema 3 would be: without the tables that have come since.
    @Test func `a backup of an older schema is taken`() async throws {
        let fixture = try await BackupFixture(keys: 10)
        try await fixture.write()
        let path = fixture.database.folder.file("older.gz")
        let newer = BackupTable.all.filter { $0.since > 3 }.map(\.name)
        var lines = try backupLines(fixture.backup).filter { line in
            !newer.contains { line.starts(with: Array("{\"\($0)\":".utf8)) }
        }
        let header = String(decoding: lines[0], as: UTF8.self).replacing(/"schema":[0-9]+/, with: "\"schema\":3")
        lines[0] = Array(header.utf8)
        let manifest = try BackupManifest(parsed(lines[lines.count - 1]), tables: BackupTable.all)
        let key = try await BackupKey(try #require(fixture.keyring.root(1)))
        var line = BackupLine()
        BackupManifest(
            counts: manifest.counts.filter { !newer.contains($0.table) },
            digest: sha256(lines.dropLast().flatMap { $0 }), keyset: [1], key: key
        ).write(to: &line)
        lines[lines.count - 1] = line.bytes
        try writeBackup(lines, to: path)
        let expected = try allRows(fixture.database).filter { row in !newer.contains { row.hasPrefix("\($0) ") } }
        #expect(try allRows(try await fixture.restored(from: path)) == expected)
    }

    @Test func `neither backup nor restore works on a schema that is not this program's`() async throws {
        let fixture = try await BackupFixture(keys: 5)
        try await fixture.write()
        let backup = try await fixture.check()
        let newer = "INSERT INTO schema_migrations VALUES (1000, 'later', 'x', '', 1)"
        // Newer, and yet one with which this program works on: it does not know what it would leave out.
        let target = try await TestDatabase()
        try target.raw { try $0.execute(sql: newer) }
        #expect(try await target.store.missingMigrations() == [])
        #expect(await code { try await backup.restore(into: target.store) } == .schemaTooNew)
        #expect(try allRows(target) == [])
        try fixture.database.raw { try $0.execute(sql: newer) }
        #expect(await code { try await fixture.write(replacing: true) } == .schemaTooNew)
        let old = try await TestDatabase(migrated: false)
        _ = try await old.driver.migrate(Array(Schema.migrations(.sqlite).prefix(3)))
        let keyring = fixture.keyring
        #expect(
            await code {
                try await Backup.write(
                    old.store, to: fixture.database.folder.file("x"), replacing: false, keyring: keyring,
                    at: Sample.time)
            } == .configuration)
    }

    @Test func `a database that another root sealed is not backed up`() async throws {
        let fixture = try await BackupFixture(keys: 5)
        let other = try RootKeyring(roots: [try VaultFixture.newRoot(1)], now: { 0 })
        let found = await code {
            try await Backup.write(
                fixture.database.store, to: fixture.backup, replacing: false, keyring: other, at: Sample.time)
        }
        #expect(found == .rootMismatch)
        #expect(!FileManager.default.fileExists(atPath: fixture.backup))
    }

    @Test func `events stay append-only, and new rows get new ids`() async throws {
        let fixture = try await BackupFixture(keys: 5)
        try await fixture.write()
        let target = try await fixture.restored()
        for sql in ["DELETE FROM audit_events", "UPDATE audit_events SET outcome = 'x'"] {
            #expect(throws: DatabaseError.self) { try target.raw { try $0.execute(sql: sql) } }
        }
        let highest = try target.raw { try Int64.fetchOne($0, sql: "SELECT MAX(id) FROM user_api_keys") ?? 0 }
        try await target.store.write(Sample.key(try Sample.reference(try Sample.user("newcomer"))))
        let id = try target.raw {
            try Int64.fetchOne($0, sql: "SELECT id FROM user_api_keys WHERE user_id = 'newcomer'")
        }
        #expect(id == highest + 1)
    }
}
