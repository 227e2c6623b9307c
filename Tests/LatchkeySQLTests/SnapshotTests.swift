import GRDB
import LatchkeyCore
import LatchkeySQL
import LatchkeyTesting
import Testing

/// Everything as of one moment, beside a writer that goes on.
struct SnapshotTests {
    private static let count = SQLStatement.test("SELECT COUNT(*) FROM audit_events")

    @Test func `what is written while the body runs is not seen, not even by its first statement`() async throws {
        let database = try await TestDatabase()
        try await database.store.append(Sample.event())
        let counts = try await database.driver.snapshot { snapshot in
            var counts: [Int64?] = []
            for _ in 0..<3 {
                try database.raw { connection in
                    try connection.execute(
                        sql: "INSERT INTO audit_events (at, actor_kind, action, outcome) VALUES ('', '', '', '')")
                }
                try snapshot.query(Self.count, []) { counts.append($0.integer(0)) }
            }
            return counts
        }
        #expect(counts == [1, 1, 1])
        #expect(try database.count("audit_events") == 4)
    }

    @Test func `a statement that writes is refused`() async throws {
        let database = try await TestDatabase()
        try await database.store.append(Sample.event())
        let insert = SQLStatement.test("INSERT INTO deployment_facts (fact, value) VALUES ('f', 'v')")
        #expect(
            await code { try await database.driver.snapshot { try $0.execute(insert, []) } } == .storeUnavailable)
        #expect(await code { try await database.driver.snapshot { try $0.send(insert, []) } } == .storeUnavailable)
        #expect(try database.count("deployment_facts") == 0)
    }

    @Test func `a body that throws lets go of the database`() async throws {
        let database = try await TestDatabase()
        try await database.store.append(Sample.event())
        await #expect(throws: ContractViolation.self) {
            try await database.driver.snapshot { _ in throw ContractViolation("stop") }
        }
        // A reader left behind would keep the WAL from being emptied.
        await database.driver.close()
        #expect(try fileBytes(database.path + "-wal").isEmpty)
    }
}
