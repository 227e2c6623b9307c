import GRDB
import LatchkeyCore
import LatchkeyCrypto
import LatchkeySQL
import LatchkeyTesting
import Synchronization
import Testing

/// Together or not at all.
struct TransactionTests {
    @Test func `an error in the middle leaves nothing`() async throws {
        let database = try await TestDatabase()
        let store = database.store
        let reference = try Sample.reference(try Sample.user("alice"))
        try await store.write(Sample.key(reference))
        let before = try dump(database)
        for step in 0..<4 {
            let error = await #expect(throws: ContractViolation.self) {
                try await database.driver.transaction { transaction in
                    let statements = [
                        "DELETE FROM user_api_keys", "INSERT INTO deployment_facts (fact, value) VALUES ('f', 'v')",
                        "INSERT INTO user_settings (user_id, setting, value) VALUES ('u', 's', 1)",
                    ]
                    for (index, sql) in statements.enumerated() {
                        if index == step { throw ContractViolation("step \(step)") }
                        try transaction.execute(.test(sql), [])
                    }
                    throw ContractViolation("step \(step)")
                }
            }
            #expect(error?.description == "step \(step)")
            #expect(try dump(database) == before)
        }
    }

    @Test func `a statement that fails in the middle leaves nothing, even if its error is swallowed`() async throws {
        let database = try await TestDatabase()
        let before = try dump(database)
        // The row does not fit (`user_id` of a global key is empty); a body that goes on all the same commits the rest.
        try await database.driver.transaction { transaction in
            _ = try? transaction.execute(
                .test(
                    """
                    INSERT INTO global_api_keys (user_id, provider, encrypted_key, key_hash, suite, root_kid, row_version,
                        salt, kind, base_url) VALUES ('x', 'p', '', '', 1, 1, 1, '', '', '')
                    """), [])
        }
        #expect(try dump(database) == before)
    }

    @Test func `a transaction sees its own writes, others do not until it is done`() async throws {
        let database = try await TestDatabase()
        let seen = Mutex<(inside: Int64?, outside: Int?)>((nil, nil))
        try await database.driver.transaction { transaction in
            try transaction.execute(.test("INSERT INTO deployment_facts (fact, value) VALUES ('f', 'v')"), [])
            var inside: Int64?
            try transaction.query(.test("SELECT COUNT(*) FROM deployment_facts"), []) { inside = $0.integer(0) }
            let outside = try database.count("deployment_facts")
            seen.withLock { $0 = (inside, outside) }
        }
        #expect(seen.withLock { $0.inside } == 1)
        #expect(seen.withLock { $0.outside } == 0)
        #expect(try database.count("deployment_facts") == 1)
    }

    @Test func `a change whose event cannot be written is not made`() async throws {
        let database = try await TestDatabase()
        let store = database.store
        let reference = try Sample.reference(try Sample.user("alice"))
        try await store.write(Sample.key(reference))
        // From here on the audit table takes nothing more.
        try database.raw {
            try $0.execute(
                sql: """
                    CREATE TRIGGER no_events BEFORE INSERT ON audit_events
                    BEGIN SELECT RAISE(ABORT, 'no more events'); END
                    """)
        }
        let before = try dump(database)
        let event = Sample.event(.keySet, reference)
        let check = CheckResult(verdict: .invalid, evidence: Evidence(decisive: true), nextCheckAt: nil)
        let user = try UserID("alice")
        #expect(await code { try await store.write(Sample.key(reference)) } == .storeUnavailable)
        #expect(await code { try await store.delete(reference, event: event) } == .storeUnavailable)
        #expect(await code { try await store.deleteAll(of: reference.owner, event: event) } == .storeUnavailable)
        #expect(
            await code { try await store.recordCheck(reference, rowVersion: 1, check: check, event: event) }
                == .storeUnavailable)
        #expect(
            await code { try await store.set(.globalFallback, to: false, of: user, event: event) } == .storeUnavailable)
        #expect(await code { try await store.set(.setupFinished, to: "x", event: event) } == .storeUnavailable)
        #expect(await code { try await store.append(event) } == .storeUnavailable)
        #expect(try dump(database) == before)
    }

    @Test func `a hundred and one parallel puts of one key give one row and every version`() async throws {
        let database = try await TestDatabase()
        let store = database.store
        let reference = try Sample.reference(try Sample.user("alice"))
        try await store.write(Sample.key(reference))
        let versions = try await withThrowingTaskGroup(of: UInt64.self) { group in
            for _ in 0..<100 { group.addTask { try await store.write(Sample.key(reference)).sealed.rowVersion } }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        #expect(versions.sorted() == Array(2...101))
        #expect(try database.count("user_api_keys") == 1)
        let audited = try database.raw {
            try Int64.fetchAll($0, sql: "SELECT row_version FROM audit_events WHERE action = 'key.set' ORDER BY id")
        }
        #expect(audited == Array(1...101))
    }

    /// Two nodes on one file: their writers are two connections.
    @Test func `puts from two drivers take turns`() async throws {
        let database = try await TestDatabase()
        let stores = [database.store, SQLStore(driver: try SQLiteDriver(path: database.path))]
        let reference = try Sample.reference(try Sample.user("alice"))
        let versions = try await withThrowingTaskGroup(of: UInt64.self) { group in
            for index in 0..<60 {
                group.addTask { try await stores[index % 2].write(Sample.key(reference)).sealed.rowVersion }
            }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        #expect(versions.sorted() == Array(1...60))
        for store in stores { #expect(try await store.key(reference)?.sealed.rowVersion == 60) }
    }

    private func dump(_ database: TestDatabase) throws -> [String] {
        try database.raw { connection in
            try ["user_api_keys", "global_api_keys", "audit_events", "deployment_facts", "user_settings", "keyset"]
                .flatMap { table in try Row.fetchAll(connection, sql: "SELECT * FROM \(table)").map { "\(table) \($0)" }
                }
        }
    }
}
