import LatchkeyCore
import LatchkeySQL
import LatchkeyTesting
import Logging
import Testing

/// What is deleted when it has been kept long enough, and what overlong sums come to: on SQLite.
struct RetentionTests {
    private func withStore(_ body: (SQLStore) async throws -> Void) async throws {
        let folder = try TemporaryFolder()
        let store = SQLStore(driver: try SQLiteDriver(path: folder.newFile()))
        try await store.migrate()
        try await body(store)
    }

    @Test func `usage goes when it is old enough, in batches, and no budget counts less for it`() async throws {
        try await withStore(RetentionCases.deletesOldUsage)
    }

    @Test func `access tokens go when their end is long enough ago`() async throws {
        try await withStore(RetentionCases.deletesEndedTokens)
    }

    @Test func `one node at a time deletes, and one that has lost its turn does not`() async throws {
        try await withStore(RetentionCases.deletesUnderALease)
    }

    @Test func `sums that do not fit are the highest number`() async throws {
        try await withStore(RetentionCases.sumsDoNotOverflow)
    }
}

/// The same on PostgreSQL, under row-level security.
@Suite(TestPostgreSQL.isThere, .serialized)
struct RetentionPostgreSQLTests {
    @Test func `usage goes when it is old enough, in batches, and no budget counts less for it`() async throws {
        try await TestPostgreSQL().withStore(RetentionCases.deletesOldUsage)
    }

    @Test func `access tokens go when their end is long enough ago`() async throws {
        try await TestPostgreSQL().withStore(RetentionCases.deletesEndedTokens)
    }

    @Test func `one node at a time deletes, and one that has lost its turn does not`() async throws {
        try await TestPostgreSQL().withStore(RetentionCases.deletesUnderALease)
    }

    @Test func `sums that do not fit are the highest number`() async throws {
        try await TestPostgreSQL().withStore(RetentionCases.sumsDoNotOverflow)
    }
}

private enum RetentionCases {
    private static let days: Int64 = 40
    private static let day: Int64 = 86_400
    private static var now: Timestamp { UsageSample.noon }

    private static func retention(_ store: SQLStore, at time: Timestamp = now) -> Retention {
        Retention(
            store: store, days: days, clock: WallClock { time }, pause: .zero, batch: 7,
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
    }

    static func deletesOldUsage(_ store: SQLStore) async throws {
        let budget = try await store.set(try UsageSample.budget(.requests, per: .month, 1000)).budget.id
        var kept: Set<String> = []
        var events: [UsageEvent] = []
        for (number, age) in [0, 1, days * day - 1, days * day, days * day + 1, 400 * day].enumerated() {
            for copy in 0..<10 {
                var event = try UsageSample.event("e\(number).\(copy)", of: copy.isMultiple(of: 2) ? "alice" : "bob")
                event.at = now.advanced(bySeconds: -age)
                events.append(event)
                if age <= days * day { kept.insert(event.id) }
            }
        }
        try await store.tell(events)
        let used = try await store.state(budget)?.used
        #expect(await retention(store).runOnce() == events.count - kept.count)
        #expect(Set(try await all(store).map(\.id)) == kept)
        #expect(try await store.state(budget)?.used == used)
        #expect(await retention(store, at: now.advanced(bySeconds: 24 * day)).runOnce() > 0)
    }

    private static func all(_ store: SQLStore) async throws -> [UsageEvent] {
        let range = UsageRange(from: Timestamp(microseconds: 0), to: now.advanced(bySeconds: day))
        return try await store.usageEvents(UsageEventQuery(user: nil, range: range, limit: 10_000)).events
    }

    static func deletesEndedTokens(_ store: SQLStore) async throws {
        var random = SeededRandom(seed: 5)
        let old = now.advanced(bySeconds: -days * day - 1)
        let recent = now.advanced(bySeconds: -days * day)
        var kept: [String] = []
        var gone: [String] = []
        for (number, owner) in [KeyOwner.global, .user(try UserID("alice"))].enumerated() {
            for (revoked, expires) in [(nil, nil), (nil, recent), (recent, nil), (old, nil), (nil, old), (old, now)] {
                var row = Sample.accessToken(owner, number, random: &random)
                (row.revokedAt, row.expiresAt) = (revoked, expires)
                let event = AuditEvent(at: now, actor: .cli, action: .tokenCreate, owner: owner, detail: row.id)
                try await store.addAccessToken(row, of: owner, limit: 100, now: now, event: event)
                if revoked == old || expires == old { gone.append(row.id) } else { kept.append(row.id) }
            }
        }
        #expect(await retention(store).runOnce() == gone.count)
        for id in kept { #expect(try await store.accessToken(id) != nil) }
        for id in gone { #expect(try await store.accessToken(id) == nil) }
    }

    static func deletesUnderALease(_ store: SQLStore) async throws {
        var event = try UsageSample.event("old")
        event.at = now.advanced(bySeconds: -400 * day)
        try await store.tell([event])
        let end = now.advanced(bySeconds: 60)
        let held = try #require(try await store.lease(.retention, for: "another", until: end, now: now))
        #expect(await retention(store).runOnce() == 0)
        let later = now.advanced(bySeconds: 61)
        _ = try #require(try await store.lease(.retention, for: "a third", until: later, now: later))
        await #expect(throws: JobLease.lost) {
            try await store.deleteUsage(before: now, limit: 10, lease: held)
        }
        #expect(try await all(store).count == 1)
    }

    static func sumsDoNotOverflow(_ store: SQLStore) async throws {
        let budget = try await store.set(try UsageSample.budget(.tokens, per: .month, 1000)).budget
        try await store.tell(try (0..<3).map { try UsageSample.event("e\($0)") })
        for (each, sum) in [(Int64.max / 3, Int64.max / 3 * 3), (Int64.max / 3 + 1, .max), (.max, .max)] {
            try await store.driver.execute(
                SQLStatement(
                    "test.spoil", "UPDATE usage_events SET input_tokens = $1, output_tokens = 0, cost = $1",
                    scope: .everyone), [.integer(each)])
            let range = UsageRange(from: Timestamp(microseconds: 0), to: now.advanced(bySeconds: day))
            for user in [nil, try UserID("alice")] {
                let query = UsageQuery(user: user, range: range, dimensions: [], limit: 1)
                let found = try #require(try await store.usage(query).first)
                #expect(found.input == sum && found.cost == sum && found.requests == 3)
            }
            // Counted anew.
            _ = try await store.deleteBudget(budget.id, event: UsageSample.change(.budgetDelete))
            #expect(try await store.set(budget).used == sum)
        }
    }
}
