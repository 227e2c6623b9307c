import GRDB
import LatchkeyCore
import LatchkeySQL
import LatchkeyTesting
import Testing

/// The audit table is added to and read.
struct AuditFenceTests {
    private static let tampering = [
        "UPDATE audit_events SET outcome = 'ok'", "UPDATE audit_events SET at = at WHERE id = 1",
        "UPDATE audit_events SET detail = NULL WHERE detail = '3'", "DELETE FROM audit_events",
        "DELETE FROM audit_events WHERE id = 2",
        "UPDATE audit_events SET user_id = 'bob' WHERE id IN (SELECT id FROM audit_events)",
    ]

    @Test(arguments: tampering)
    func `changing or deleting events is refused on our own connection`(sql: String) async throws {
        let database = try await TestDatabase()
        for index in 1...3 { try await database.store.append(Sample.event(detail: "\(index)")) }
        let before = try await database.store.events(limit: 10)
        #expect(await code { try await database.driver.execute(.test(sql), []) } == .storeUnavailable)
        #expect(try await database.store.events(limit: 10) == before)
    }

    @Test(arguments: tampering)
    func `changing or deleting events is refused to other programs`(sql: String) async throws {
        let database = try await TestDatabase()
        for index in 1...3 { try await database.store.append(Sample.event(detail: "\(index)")) }
        let error = #expect(throws: DatabaseError.self) { try database.raw { try $0.execute(sql: sql) } }
        #expect(error?.message == "audit events are only ever added")
        #expect(try database.count("audit_events") == 3)
    }

    @Test func `a refused change takes the rest of its transaction with it`() async throws {
        let database = try await TestDatabase()
        let store = database.store
        let reference = try Sample.reference(try Sample.user("alice"))
        try await store.write(Sample.key(reference))
        let failed = await code {
            try await database.driver.transaction { transaction in
                try transaction.execute(.test("DELETE FROM user_api_keys"), [])
                try transaction.execute(.test("DELETE FROM audit_events"), [])
            }
        }
        #expect(failed == .storeUnavailable)
        #expect(try await store.key(reference) != nil)
        #expect(try database.count("audit_events") == 1)
    }

    @Test func `replacing an event by its id is refused`() async throws {
        let database = try await TestDatabase()
        try await database.store.append(Sample.event(detail: "first"))
        let before = try await database.store.events(limit: 10)
        _ = try? database.raw {
            try $0.execute(
                sql: """
                    INSERT OR REPLACE INTO audit_events (id, at, actor_kind, action, outcome)
                    VALUES (1, '2020-01-01 00:00:00.000000', 'system', 'key.use', 'ok')
                    """)
        }
        // REPLACE goes round a trigger on DELETE unless `recursive_triggers` is on.
        let after = try await database.store.events(limit: 10)
        #expect(after == before)
    }
}
