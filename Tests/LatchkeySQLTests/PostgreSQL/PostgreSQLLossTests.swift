import LatchkeyCore
import LatchkeyCrypto
import LatchkeySQL
import LatchkeyTesting
import Synchronization
import Testing

/// Connections that break under load: what was acknowledged is there, and there once.
@Suite(TestPostgreSQL.isThere, .serialized)
struct PostgreSQLLossTests {
    private static let endAll = """
        SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
        WHERE datname = current_database() AND usename <> current_user
        """

    @Test func `every acknowledged write is there once, whenever its connection was ended`() async throws {
        let database = try await TestPostgreSQL()
        try await database.withStore(connections: 8) { store in
            let load = Load(store: store)
            try await withThrowingTaskGroup(of: Void.self) { group in
                for worker in 0..<12 { group.addTask { try await load.write(as: worker) } }
                group.addTask {
                    defer { load.isOver.store(true, ordering: .relaxed) }
                    for _ in 0..<25 { _ = try await database.column(Self.endAll) }
                }
                try await group.waitForAll()
            }
            let written = try await database.column("SELECT request_id FROM audit_events").compactMap { $0 }
            let counts = Dictionary(written.map { ($0, 1) }, uniquingKeysWith: +)
            let acknowledged = load.acknowledged.withLock { $0 }
            #expect(acknowledged.count > 100, "hardly anything was acknowledged: nothing is shown")
            #expect(acknowledged.filter { counts[$0] == nil } == [], "acknowledged and not there")
            #expect(counts.filter { $0.value > 1 }.map(\.key) == [], "there more than once")
            #expect(load.refused.withLock { $0.filter { $0.code != .storeUnavailable } } == [])
            // And afterwards all is as before, without anybody's help.
            try await load.write("afterwards", isAppend: false)
            try await store.ping()
        }
    }

    /// A group of statements shares a transaction: the one that the server refuses takes nobody with it.
    @Test func `a refused statement is refused alone`() async throws {
        let database = try await TestPostgreSQL()
        try await database.withStore(connections: 5) { store in
            let outcomes = await withTaskGroup(of: (Int, Bool).self) { group in
                for index in 0..<60 {
                    group.addTask {
                        var event = Sample.event(.keyUse, detail: "\(index)")
                        // Longer than the column is.
                        if index % 7 == 0 { event.requestID = String(repeating: "x", count: 65) }
                        do { try await store.append(event) } catch { return (index, false) }
                        return (index, true)
                    }
                    group.addTask {
                        let sql = index % 5 == 0 ? "SELECT \(index)/0" : "SELECT \(index)"
                        var seen: Int64?
                        do {
                            try await store.driver.query(.test(sql), []) { seen = $0.integer(0) }
                        } catch { return (1000 + index, false) }
                        return (1000 + index, seen == Int64(index))
                    }
                }
                return await group.reduce(into: [:]) { $0[$1.0] = $1.1 }
            }
            for index in 0..<60 {
                #expect(outcomes[index] == (index % 7 != 0), "append \(index)")
                #expect(outcomes[1000 + index] == (index % 5 != 0), "read \(index)")
            }
            let written = try await store.events(limit: 100).count
            #expect(written == 60 - 9)
        }
    }

    @Test func `a server that is not there is an error in time, and no wait after that`() async throws {
        let configuration = try PostgreSQLConfiguration(url: "postgresql://nobody:CANARY@127.0.0.1:1/none")
        let error = #expect(throws: LatchkeyError.self) { _ = try PostgreSQLDriver(configuration) }
        #expect(error?.code == .storeUnavailable)
        #expect(error?.reason == "no database server answers at 127.0.0.1 port 1")
        #expect(error.map { !"\($0) \($0.hint ?? "")".contains("CANARY") } == true)
    }

    @Test func `a value with NUL is its caller's trouble alone`() async throws {
        let database = try await TestPostgreSQL()
        try await database.withStore { store in
            var event = Sample.event()
            event.detail = "a\u{0}b"
            let bad = event
            #expect(await code { try await store.append(bad) } == .storeUnavailable)
            try await store.append(Sample.event())
        }
    }
}

/// Writers that note what was acknowledged to them.
private final class Load: Sendable {
    let isOver = Atomic<Bool>(false)
    let acknowledged = Mutex<[String]>([])
    let refused = Mutex<[LatchkeyError]>([])
    private let store: SQLStore

    init(store: SQLStore) { self.store = store }

    func write(as worker: Int) async throws {
        var round = 0
        while !isOver.load(ordering: .relaxed), round < 20_000 {
            let id = "\(worker)-\(round)"
            do {
                try await write(id, isAppend: worker % 2 == 0)
                acknowledged.withLock { $0.append(id) }
            } catch let error as LatchkeyError {
                refused.withLock { $0.append(error) }
            }
            round += 1
        }
    }

    func write(_ id: String, isAppend: Bool) async throws {
        let reference = try Sample.reference(try Sample.user("user-\(id)"))
        var event = Sample.event(.keySet, reference)
        event.requestID = id
        guard !isAppend else { return try await store.append(event) }
        try await store.write(Sample.key(reference), event: event)
        let version = try await store.key(reference)?.sealed.rowVersion
        #expect(version == 1, "a set was done twice")
    }
}
