import Dispatch
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
            try await store.tell([try UsageSample.event("new", of: "newcomer")])
        }
        let tables = ["user_api_keys", "global_api_keys", "audit_events", "usage_events"]
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

    /// A write that is not committed cannot be seen; a restore that did not wait for it would be mixed with it.
    @Test func `a write that is under way is waited for, and then the database is in use`() async throws {
        let fixture = try await BackupFixture(keys: 5)
        try await fixture.write()
        let backup = try await fixture.check()
        let postgres = try await TestPostgreSQL()
        try await postgres.withStore { store in
            let written = DispatchSemaphore(value: 0)
            let isSeen = DispatchSemaphore(value: 0)
            async let writing: Void = store.driver.transaction { transaction in
                try transaction.execute(.test("INSERT INTO deployment_facts (fact, value) VALUES ('f', 'v')"), [])
                written.signal()
                _ = isSeen.wait(timeout: .now() + 20)
            }
            async let restoring = code {
                await Self.wait(for: written)
                try await backup.restore(into: store)
            }
            let waiting = "SELECT 1 FROM pg_locks WHERE NOT granted AND relation = 'deployment_facts'::regclass"
            let deadline = ContinuousClock.now + .seconds(15)
            while try await postgres.column(waiting).isEmpty, ContinuousClock.now < deadline {}
            isSeen.signal()
            try await writing
            #expect(await restoring == .configuration)
        }
        #expect(try await postgres.column("SELECT fact FROM deployment_facts") == ["f"])
        #expect(try await postgres.column("SELECT COUNT(*) FROM user_api_keys") == ["0"])
    }

    private static func wait(for semaphore: DispatchSemaphore) async {
        await withCheckedContinuation { continuation in
            DispatchQueue.global().async {
                _ = semaphore.wait(timeout: .now() + 20)
                continuation.resume()
            }
        }
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
