import GRDB
import LatchkeyCore
import LatchkeyCrypto
import LatchkeySQL
import LatchkeyTesting
import Testing

/// The settings that durability and deletion rest on are in force on the connections that are used.
struct PragmaTests {
    @Test(
        arguments: [
            ("journal_mode", "wal"), ("foreign_keys", "1"), ("secure_delete", "1"),
        ])
    func `the writer has`(pragma: String, value: String) async throws {
        let database = try await TestDatabase()
        #expect(try await database.onWriter("PRAGMA \(pragma)") == [value])
    }

    @Test func `a commit of the writer is on disk when it returns`() async throws {
        let database = try await TestDatabase()
        // 2 is FULL. NORMAL (1) survives a killed process and loses acknowledged writes at a power cut.
        #expect(try await database.onWriter("PRAGMA synchronous") == ["2"])
    }

    @Test func `readers cannot write`() async throws {
        let database = try await TestDatabase()
        let error = await #expect(throws: LatchkeyError.self) {
            _ = try await database.onReader("DELETE FROM user_api_keys")
        }
        #expect(error?.code == .storeUnavailable)
        #expect(error?.reason == "the database cannot be written")
    }

    @Test func `readers see WAL mode`() async throws {
        let database = try await TestDatabase()
        #expect(try await database.onReader("PRAGMA journal_mode") == ["wal"])
    }

    @Test func `closing empties the WAL into the file`() async throws {
        let database = try await TestDatabase()
        try await database.store.append(Sample.event())
        await database.driver.close()
        #expect(try fileBytes(database.path + "-wal").isEmpty)
        #expect(try database.count("audit_events") == 1)
    }

    @Test func `a deleted row leaves no byte in the file`() async throws {
        let database = try await TestDatabase()
        let reference = try Sample.reference(try Sample.user("alice"))
        var key = Sample.key(reference)
        key.sealed.token = Array("CANARY-of-a-token-that-was-deleted".utf8)
        key.label = "CANARY-of-a-label"
        try await database.store.write(key)
        _ = try await database.store.delete(reference, event: Sample.event(.keyDelete))
        try database.raw { try $0.execute(sql: "PRAGMA wal_checkpoint(TRUNCATE)") }
        for suffix in ["", "-wal"] {
            let bytes = try fileBytes(database.path + suffix)
            #expect(bytes.firstRange(of: Array("CANARY".utf8)) == nil, "in \(suffix.isEmpty ? "the file" : suffix)")
        }
    }
}
