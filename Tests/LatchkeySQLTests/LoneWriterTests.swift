import GRDB
import LatchkeyCore
import LatchkeySQL
import LatchkeyTesting
import Testing

/// The writer's two ways, on its own thread and where its caller is, and the log behind both.
struct LoneWriterTests {
    /// Alone long enough to be committed in place, then in a crowd, again and again: whoever has the connection hands it on.
    @Test func `callers who are alone and callers in a crowd lose nothing to each other`() async throws {
        let database = try await TestDatabase()
        let store = database.store
        for round in 0..<6 {
            for index in 0..<40 { try await store.append(Sample.event(detail: "\(round) alone \(index)")) }
            try await withThrowingTaskGroup(of: Void.self) { group in
                for index in 0..<60 {
                    group.addTask { try await store.append(Sample.event(detail: "\(round) crowd \(index)")) }
                }
                try await group.waitForAll()
            }
        }
        let details = try database.raw { try String.fetchAll($0, sql: "SELECT detail FROM audit_events") }
        #expect(details.count == 600)
        #expect(Set(details).count == 600)
    }

    @Test func `an append of a lone caller is in the file when it returns`() async throws {
        let database = try await TestDatabase()
        for index in 0..<60 {
            try await database.store.append(Sample.event(detail: "\(index)"))
            #expect(try database.count("audit_events") == index + 1)
        }
    }

    @Test func `an append of a lone caller that fails says so, and the next one works`() async throws {
        let database = try await TestDatabase()
        for index in 0..<60 {
            // `outcome` may not be NULL.
            let error = await #expect(throws: LatchkeyError.self) {
                try await database.driver.execute(
                    .test("INSERT INTO audit_events (at, actor_kind, action) VALUES ('t', 'k', 'a')"), [])
            }
            #expect(error?.code == .storeUnavailable)
            try await database.store.append(Sample.event(detail: "\(index)"))
        }
        #expect(try database.count("audit_events") == 60)
    }

    /// SQLite's own checkpoints are off: the log must not grow with what is written.
    @Test(arguments: [1, 16]) func `the log begins anew while there are callers`(callers: Int) async throws {
        let database = try await TestDatabase()
        let store = database.store
        let text = String(repeating: "x", count: 60)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<callers {
                group.addTask {
                    for _ in 0..<(3000 / callers) { try await store.append(Sample.event(detail: text)) }
                }
            }
            try await group.waitForAll()
        }
        #expect(try database.count("audit_events") == 3000 / callers * callers)
        // A commit of one writes a page at least: 12 MB without a new beginning. One begins behind 4.
        #expect(try fileBytes(database.path + "-wal").count < 10 << 20)
    }

    @Test func `what comes when the database is closed is refused`() async throws {
        let database = try await TestDatabase()
        for index in 0..<40 { try await database.store.append(Sample.event(detail: "\(index)")) }
        await database.driver.close()
        let error = await #expect(throws: LatchkeyError.self) { try await database.store.append(Sample.event()) }
        #expect(error?.code == .storeUnavailable)
    }
}
