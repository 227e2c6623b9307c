import LatchkeyCore
import LatchkeyCrypto
import LatchkeySQL
import LatchkeyTesting
import Testing

/// Two stores on one database, as two nodes have them.
@Suite(TestPostgreSQL.isThere, .serialized)
struct PostgreSQLNodesTests {
    @Test func `what one node deletes or replaces the other does not hand out`() async throws {
        let database = try await TestPostgreSQL()
        try await database.withStore { here in
            try await database.withStore { there in
                let reference = try Sample.reference(try Sample.user("alice"))
                for round in 1...20 {
                    try await here.write(Sample.key(reference))
                    let seen = try await there.keyForUse(reference, fresh: false)
                    let use = try #require(seen)
                    if round % 2 == 0 {
                        try await here.write(Sample.key(reference))
                    } else {
                        _ = try await here.delete(reference, event: Sample.event(.keyDelete, reference))
                    }
                    // Whether or not it has heard of it by now.
                    let event = Sample.event(.keyUse, reference, detail: "\(round)")
                    let isWritten = try await there.append(event, ofUsing: use)
                    #expect(!isWritten)
                }
            }
        }
    }

    @Test func `what is heard of is forgotten, and what is remembered saves a read`() async throws {
        let database = try await TestPostgreSQL()
        try await database.withStore { here in
            try await database.withStore { there in
                let reference = try Sample.reference(try Sample.user("caf\u{e9}"))
                try await here.write(Sample.key(reference))
                // Once it listens, a second look is not fresh any more.
                try await eventually { try await there.keyForUse(reference, fresh: false)?.isFresh == false }
                try await here.write(Sample.key(reference))
                try await eventually {
                    try await there.keyForUse(reference, fresh: false)?.key.sealed.rowVersion == 2
                }
            }
        }
    }

    @Test func `a statement that forgot its owner sees nobody's rows`() async throws {
        let database = try await TestPostgreSQL()
        try await database.withStore { store in
            let alice = try Sample.reference(try Sample.user("alice"))
            try await store.write(Sample.key(alice))
            try await store.set(
                .globalFallback, to: false, of: try UserID("alice"), event: Sample.event(.settingsChange, alice))
            try await store.set(try UsageSample.budget(.requests, per: .day, 10))
            try await store.tell([try UsageSample.event("e")])
            _ = try await store.reserve(
                try UsageSample.hold(
                    "h",
                    token: UsageHold.Token(
                        id: "tokenser", holder: nil, limits: [UsageLimit(.requests, per: .day, amount: 9)])))
            var random = SeededRandom(seed: 1)
            var session = Sample.webSession(try UserID("alice"), .session, random: &random)
            session.expiresAt = Sample.time.advanced(bySeconds: 60)
            try await store.addWebSession(
                session, of: try UserID("alice"), limit: 1, now: Sample.time, event: Sample.event(.signIn))
            for table in [
                "user_api_keys", "user_settings", "audit_events", "usage_events", "usage_budgets",
                "usage_reservations", "web_sessions",
            ] {
                var rows = 0
                try await store.driver.query(.test("SELECT 1 FROM \(table)"), []) { _ in rows += 1 }
                #expect(rows == 0, "\(table) without saying whose")
                let asBob = SQLStatement("bob.\(table)", "SELECT 1 FROM \(table) WHERE $1 <> ''", scope: .owner)
                try await store.driver.query(asBob, [.text("bob")]) { _ in rows += 1 }
                #expect(rows == 0, "\(table) as bob")
                let asAlice = SQLStatement("alice.\(table)", "SELECT 1 FROM \(table) WHERE $1 <> ''", scope: .owner)
                try await store.driver.query(asAlice, [.text("alice")]) { _ in rows += 1 }
                #expect(rows > 0, "\(table) as alice")
            }
            let changed = try await store.driver.execute(.test("UPDATE user_api_keys SET label = 'x'"), [])
            #expect(changed == 0)
            let refusal = await code { try await store.driver.execute(.test("DELETE FROM audit_events"), []) }
            #expect(refusal == .storeUnavailable)
        }
    }

    @Test func `programs that start at once share the work`() async throws {
        let database = try await TestPostgreSQL()
        let runs = try await withThrowingTaskGroup(of: [Migration].self) { group in
            for _ in 0..<4 {
                group.addTask {
                    try await TestPostgreSQL.withRawDriver(database.url) { try await SQLStore(driver: $0).migrate() }
                }
            }
            return try await group.reduce(into: []) { $0 += $1 }
        }
        #expect(runs.map(\.version).sorted() == Schema.migrations(.postgresql).map(\.version))
    }

    private func eventually(_ condition: () async throws -> Bool) async throws {
        let end = ContinuousClock.now + .seconds(10)
        while try await !condition() {
            try #require(ContinuousClock.now < end, "it did not come about")
            await Task.yield()
        }
    }
}

/// A schema of the next version, on both databases: nodes are upgraded one after the other.
struct SchemaCompatibilityTests {
    private static let next = Schema.migrations(.sqlite).count + 1

    private func migrations(_ dialect: SQLDialect, compatibleWith oldest: Int?) -> [Migration] {
        Schema.migrations(dialect) + [
            Migration(
                version: Self.next, name: "next", statements: ["CREATE TABLE next (id INTEGER)"],
                compatibleWith: oldest)
        ]
    }

    @Test(arguments: [Schema.migrations(.sqlite).count, 1, nil])
    func `this program works on with a newer schema that allows it`(oldest: Int?) async throws {
        let database = try await TestDatabase()
        _ = try await database.driver.migrate(migrations(.sqlite, compatibleWith: oldest))
        try await expectFit(database.store, oldest != nil)
    }

    @Test(TestPostgreSQL.isThere, arguments: [Schema.migrations(.sqlite).count, nil])
    func `and on PostgreSQL`(oldest: Int?) async throws {
        let database = try await TestPostgreSQL()
        try await database.withStore { store in
            _ = try await store.driver.migrate(migrations(.postgresql, compatibleWith: oldest))
            try await expectFit(store, oldest != nil)
        }
    }

    private func expectFit(_ store: SQLStore, _ fits: Bool) async throws {
        guard fits else {
            #expect(await code { try await store.missingMigrations() } == .schemaTooNew)
            return
        }
        #expect(try await store.missingMigrations() == [])
        try await store.write(Sample.key(try Sample.reference(try Sample.user("alice"))))
    }
}
