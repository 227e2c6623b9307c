import LatchkeySQL
import LatchkeyTesting
import Testing

/// A session in which an owner was named once has an empty one afterwards, not none.
@Suite(TestPostgreSQL.isThere, .serialized)
struct EmptyOwnerTests {
    @Test func `an empty owner sees no row of any table`() async throws {
        let database = try await TestPostgreSQL()
        try await database.withStore { store in
            let policies = """
                SELECT tablename FROM pg_policies
                WHERE qual LIKE '%latchkey.user_id%' AND qual NOT LIKE '%<> ''''%'
                """
            #expect(try await database.column(policies) == [])
            try await store.driver.execute(
                .test(
                    """
                    INSERT INTO audit_events (user_id, actor_id, actor_kind, action, outcome, at)
                    VALUES ('', '', 'system', 'key.check', 'ok', CURRENT_TIMESTAMP)
                    """), [])
            let seen = try await store.driver.transaction { transaction in
                try transaction.query(.test("SELECT set_config('latchkey.user_id', '', true)"), []) { _ in }
                var count: Int64?
                try transaction.query(.test("SELECT count(*) FROM audit_events"), []) { count = $0.integer(0) }
                return count
            }
            #expect(seen == 0)
            #expect(try await database.column("SELECT count(*)::text FROM audit_events WHERE user_id = ''") == ["1"])
        }
    }
}
