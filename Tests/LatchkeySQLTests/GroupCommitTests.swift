import Dispatch
import GRDB
import LatchkeyCore
import LatchkeyCrypto
import LatchkeySQL
import LatchkeyTesting
import Synchronization
import Testing

/// Many callers share a commit, and none of them notices.
struct GroupCommitTests {
    @Test func `a thousand concurrent appends are all durable`() async throws {
        let database = try await TestDatabase()
        let store = database.store
        try await withThrowingTaskGroup(of: Void.self) { group in
            for index in 0..<1000 { group.addTask { try await store.append(Sample.event(detail: "\(index)")) } }
            try await group.waitForAll()
        }
        // As another program sees the file while ours is still open.
        let details = try database.raw { try String.fetchAll($0, sql: "SELECT detail FROM audit_events") }
        #expect(details.count == 1000)
        #expect(Set(details) == Set((0..<1000).map { "\($0)" }))
    }

    /// The strictest reading of "durable when it returns": each append is visible to others the moment it returns.
    @Test func `an append that returned is in the file`() async throws {
        let database = try await TestDatabase()
        try await withThrowingTaskGroup(of: Void.self) { group in
            for index in 0..<40 {
                group.addTask {
                    try await database.store.append(Sample.event(detail: "\(index)"))
                    let found = try database.raw {
                        try Int.fetchOne(
                            $0, sql: "SELECT COUNT(*) FROM audit_events WHERE detail = ?", arguments: ["\(index)"])
                    }
                    #expect(found == 1)
                }
            }
            try await group.waitForAll()
        }
    }

    /// The writer is kept busy until all jobs are in its queue, so that they share one commit.
    @Test func `jobs that fail among many fail alone`() async throws {
        let database = try await TestDatabase()
        let store = database.store
        let outcomes = try await whileWriterIsBusy(database, jobs: 300) { index in
            switch index % 3 {
            case 0: try await store.append(Sample.event(detail: "\(index)"))
            case 1:
                // One statement that does not fit the schema: `outcome` may not be NULL.
                try await database.driver.execute(
                    .test("INSERT INTO audit_events (at, actor_kind, action, detail) VALUES ('t', 'k', 'a', $1)"),
                    [.text("\(index)")])
            default:
                // Several statements, the last of which is an error of the caller's own.
                try await database.driver.transaction { transaction in
                    for _ in 0..<2 {
                        try transaction.execute(
                            .test("INSERT INTO deployment_facts (fact, value) VALUES ($1, 'x')"),
                            [.text("\(index)-\(UInt64.random(in: 0...UInt64.max))")])
                    }
                    throw ContractViolation("job \(index)")
                }
            }
        }
        for (index, error) in outcomes.enumerated() {
            switch index % 3 {
            case 0: #expect(error == nil)
            case 1: #expect((error as? LatchkeyError)?.code == .storeUnavailable)
            default: #expect((error as? ContractViolation)?.description == "job \(index)")
            }
        }
        let details = try database.raw { try String.fetchSet($0, sql: "SELECT detail FROM audit_events") }
        #expect(details == Set(stride(from: 0, to: 300, by: 3).map { "\($0)" }))
        #expect(try database.count("deployment_facts") == 0)
    }

    @Test func `a full disk fails the jobs that did not fit, and nobody is told a lie`() async throws {
        let database = try await TestDatabase()
        let store = database.store
        try await store.append(Sample.event(detail: "before"))
        try await limitPages(of: database, to: "current + 4")
        let outcomes = try await whileWriterIsBusy(database, jobs: 200) { index in
            if index % 2 == 0 {
                try await store.append(Sample.event(detail: "\(index)"))
            } else {
                var key = Sample.key(try Sample.reference(try Sample.user("user-\(index)")))
                key.sealed.token = [UInt8](repeating: 0x41, count: 10_000)
                try await store.write(key, event: Sample.event(detail: "\(index)"))
            }
        }
        let failed = outcomes.enumerated().filter { $0.element != nil }
        #expect(!failed.isEmpty)
        for (_, error) in failed { #expect((error as? LatchkeyError)?.code == .storeUnavailable) }
        let acknowledged = Set(outcomes.enumerated().filter { $0.element == nil }.map { "\($0.offset)" })
        let details = try database.raw { try String.fetchSet($0, sql: "SELECT detail FROM audit_events") }
        #expect(details == acknowledged.union(["before"]))
        let users = try database.raw { try String.fetchSet($0, sql: "SELECT user_id FROM user_api_keys") }
        #expect(users == Set(acknowledged.filter { (Int($0) ?? 0) % 2 == 1 }.map { "user-\($0)" }))
        // Room again: it goes on without a restart.
        try await limitPages(of: database, to: "1073741823")
        try await store.append(Sample.event(detail: "after"))
        #expect(try await store.events(limit: 1).first?.detail == "after")
        #expect(try database.raw { try String.fetchOne($0, sql: "PRAGMA integrity_check") } == "ok")
    }

    @Test func `another program's write lock is waited for, and told apart`() async throws {
        let database = try await TestDatabase()
        let other = try DatabaseQueue(path: database.path)
        let gate = DispatchSemaphore(value: 0)
        let isLocked = Milestone()
        other.asyncWriteWithoutTransaction { connection in
            try? connection.execute(sql: "BEGIN IMMEDIATE")
            isLocked.reach()
            gate.wait()
            try? connection.execute(sql: "ROLLBACK")
        }
        await isLocked.wait(for: 1)
        let error = await #expect(throws: LatchkeyError.self) { try await database.store.append(Sample.event()) }
        #expect(error?.code == .storeUnavailable)
        #expect(error?.reason == "another program holds the database's write lock")
        gate.signal()
        try await database.store.append(Sample.event())
        #expect(try database.count("audit_events") == 1)
    }

    /// - Returns: each job's error.
    private func whileWriterIsBusy(
        _ database: TestDatabase, jobs: Int, _ job: @escaping @Sendable (Int) async throws -> Void
    ) async throws -> [(any Error)?] {
        let isBusy = Milestone()
        let arrived = Milestone()
        let release = DispatchSemaphore(value: 0)
        async let blocker: Void = database.driver.transaction { _ in
            isBusy.reach()
            release.wait()
        }
        await isBusy.wait(for: 1)
        let outcomes = await withTaskGroup(of: (Int, (any Error)?).self) { group in
            for index in 0..<jobs {
                group.addTask {
                    arrived.reach()
                    do {
                        try await job(index)
                        return (index, nil)
                    } catch {
                        return (index, error)
                    }
                }
            }
            await arrived.wait(for: jobs)
            release.signal()
            var outcomes = [(any Error)?](repeating: nil, count: jobs)
            for await (index, error) in group { outcomes[index] = error }
            return outcomes
        }
        try await blocker
        return outcomes
    }

    /// A database that may not grow is a disk that is full.
    private func limitPages(of database: TestDatabase, to limit: String) async throws {
        var pages = limit
        if limit == "current + 4" {
            let current = try await database.onWriter("PRAGMA page_count").first ?? nil
            pages = "\((current.flatMap { Int($0) } ?? 0) + 4)"
        }
        #expect(try await database.onWriter("PRAGMA max_page_count = \(pages)") == [pages])
    }
}
