import GRDB
import LatchkeyCore
import LatchkeySQL
import LatchkeyTesting
import Testing

/// The settings that durability and deletion rest on are in force on the connections that are used.
struct PragmaTests {
    @Test(
        arguments: [
            ("journal_mode", "wal"), ("synchronous", "2"), ("foreign_keys", "1"), ("secure_delete", "1"),
        ])
    func `the writer has`(pragma: String, value: String) async throws {
        let database = try await TestDatabase()
        let seen = try await database.driver.transaction { transaction in
            try transaction.query(.test("PRAGMA \(pragma)"), []) { $0.text(0) }
        }
        #expect(seen == [value])
    }

    @Test func `readers cannot write`() async throws {
        let database = try await TestDatabase()
        let error = await #expect(throws: LatchkeyError.self) {
            try await database.driver.query(.test("DELETE FROM user_api_keys"), []) { _ in 0 }
        }
        #expect(error?.code == .storeUnavailable)
        #expect(error?.reason == "the database cannot be written")
    }

    @Test func `readers see WAL mode`() async throws {
        let database = try await TestDatabase()
        #expect(try await database.driver.query(.test("PRAGMA journal_mode"), []) { $0.text(0) } == ["wal"])
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
