import GRDB
import LatchkeyCore
import LatchkeyTesting
import Synchronization
import Testing

@testable import LatchkeySQL

/// What people look at, on SQLite.
struct SQLitePagesContractTests {
    private let folder: TemporaryFolder
    private let contract: PagesContract

    init() throws {
        let folder = try TemporaryFolder()
        self.folder = folder
        contract = PagesContract {
            let store = SQLStore(driver: try SQLiteDriver(path: folder.newFile()))
            try await store.migrate()
            return store
        }
    }

    @Test(arguments: PagesContract.properties)
    func `the contract holds`(property: ContractProperty<PagesContract>) async throws {
        try await property.check(contract)
    }

    @Test func `hand-outs are looked for among the newest events, and the page says since when`() async throws {
        let database = try await TestDatabase()
        try await OldEvents.check(database.store)
    }

    /// A second page to write for each call would be what the front end costs the hot path: SQLite counts the entries.
    @Test func `a hand-out is in none of the indexes`() async throws {
        let database = try await TestDatabase()
        let reference = try Sample.reference(try Sample.user("alice"))
        func entries() async throws -> [String: Int64] {
            var entries: [String: Int64] = [:]
            for index in ["audit_events_owner", "audit_events_checks"] {
                // Of a partial index alone the planner knows how many entries it has.
                _ = try database.raw { try $0.execute(sql: "ANALYZE audit_events") }
                let sql = "SELECT CAST(stat AS INTEGER) FROM sqlite_stat1 WHERE idx = '\(index)'"
                try await database.driver.query(.test(sql), []) { entries[index] = $0.integer(0) }
            }
            return entries
        }
        for detail in ["user", "global", "gateway_user", "check"] {
            try await database.store.append(Sample.event(.keyUse, reference, detail: detail))
        }
        #expect(try await entries().values.allSatisfy { $0 == 0 })
        try await database.store.append(Sample.event(.keyCheck, reference))
        var refused = Sample.event(.keyUse, reference)
        refused.outcome = "key_invalid"
        try await database.store.append(refused)
        #expect(try await entries() == ["audit_events_owner": 2, "audit_events_checks": 1])
    }

    /// The planner takes another way as soon as a condition is not word for word the index's.
    @Test func `lists are read by their indexes`() async throws {
        let database = try await TestDatabase()
        for (statement, index) in [
            (ActivityStatements.kept, "audit_events_owner"), (ActivityStatements.checks, "audit_events_checks"),
            (AdminStatements.userCounts, "user_api_keys_state"), (AdminStatements.failing, "user_api_keys_failing"),
            (AdminStatements.holders, "sqlite_autoindex_user_api_keys_1"),
            (AdminStatements.holdersInRange, "sqlite_autoindex_user_api_keys_1"),
            (AdminStatements.holderCount, "sqlite_autoindex_user_api_keys_1"),
            (ActivityStatements.uses, "INTEGER PRIMARY KEY"),
        ] {
            var plan: [String] = []
            try await database.driver.query(.test("EXPLAIN QUERY PLAN \(statement.sql)"), []) { row in
                plan.append(row.text(3) ?? "")
            }
            #expect(plan.contains { $0.contains(index) }, "\(statement.name): \(plan)")
            // Sorted as it is read, but for the few sums of the checks.
            let sorts = plan.contains { $0.contains("TEMP B-TREE") }
            #expect(!sorts || statement == ActivityStatements.checks, "\(statement.name): \(plan)")
        }
    }
}

/// What people look at, on PostgreSQL.
@Suite(TestPostgreSQL.isThere, .serialized)
struct PostgreSQLPagesContractTests {
    @Test(arguments: PagesContract.properties)
    func `the contract holds`(property: ContractProperty<PagesContract>) async throws {
        let drivers = Mutex<[PostgreSQLDriver]>([])
        let contract = PagesContract {
            let database = try await TestPostgreSQL()
            let driver = try PostgreSQLDriver(try PostgreSQLConfiguration(url: database.url, connections: 6))
            drivers.withLock { $0.append(driver) }
            let store = SQLStore(driver: driver, remembersRows: true)
            try await store.migrate()
            return store
        }
        let outcome: Result<Void, any Error>
        do { outcome = .success(try await property.check(contract)) } catch { outcome = .failure(error) }
        for driver in drivers.withLock({ $0 }) { await driver.close() }
        try outcome.get()
    }

    @Test func `hand-outs are looked for among the newest events, and the page says since when`() async throws {
        let database = try await TestPostgreSQL()
        try await database.withStore { try await OldEvents.check($0) }
    }
}

/// More events of others than are looked through.
private enum OldEvents {
    private static let addMany = SQLStatement(
        "test.add_many",
        """
        INSERT INTO audit_events (at, actor_kind, action, owner_kind, user_id, outcome)
        WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < 50000)
        SELECT '2026-01-02 00:00:00', 'service', 'key.use', 'user', 'bob', 'ok' FROM numbers
        """)

    static func check(_ store: SQLStore) async throws {
        let reference = try Sample.reference(try Sample.user("alice"))
        let old = Sample.event(.keyUse, reference, detail: "old")
        var refused = Sample.event(.keyUse, reference, detail: "refused")
        refused.outcome = "key_invalid"
        let set = Sample.event(.keySet, reference)
        let query = ActivityQuery(user: try UserID("alice"))
        for event in [set, refused, old] { try await store.append(event) }
        var page = try await store.activity(query)
        #expect(page.events == [old, refused, set] && page.usesSince == nil)
        _ = try await store.driver.transaction { try $0.execute(addMany, []) }
        page = try await store.activity(query)
        #expect(page.events == [refused, set])
        #expect(page.usesSince == Sample.time)
        let new = Sample.event(.keyUse, reference, detail: "new")
        try await store.append(new)
        page = try await store.activity(query)
        #expect(page.events == [new, refused, set])
        #expect(page.usesSince == Timestamp(parsing: "2026-01-02T00:00:00Z"))
    }
}
