import GRDB
import LatchkeyCore
import LatchkeySQL
import LatchkeyTesting
import Synchronization
import Testing

/// SQLite keeps usage and budgets.
struct SQLiteUsageContractTests {
    private let folder: TemporaryFolder
    private let contract: UsageContract

    init() throws {
        let folder = try TemporaryFolder()
        self.folder = folder
        contract = UsageContract {
            let store = SQLStore(driver: try SQLiteDriver(path: folder.newFile()))
            try await store.migrate()
            return store
        }
    }

    @Test(arguments: UsageContract.properties)
    func `the contract holds`(property: ContractProperty<UsageContract>) async throws {
        try await property.check(contract)
    }

    @Test func `what was acknowledged is in the file`() async throws {
        let database = try await TestDatabase()
        let budget = try await database.store.set(try UsageSample.budget(.requests, per: .day, 1000)).budget.id
        for index in 0..<20 { try await database.store.tell([try UsageSample.event("e\(index)")]) }
        #expect(try await database.store.reserve(try UsageSample.hold("h")))
        // As a start after a crash would find it: nothing was closed.
        let reopened = SQLStore(driver: try SQLiteDriver(path: database.path))
        #expect(try database.count("usage_events") == 20)
        let state = try await reopened.state(budget)
        #expect(state?.used == 20 && state?.reserved == 1)
    }

    @Test func `a batch that fails leaves nothing of itself`() async throws {
        let database = try await TestDatabase()
        let budget = try await database.store.set(try UsageSample.budget(.requests, per: .day, 10)).budget.id
        #expect(try await database.store.reserve(try UsageSample.hold("h")))
        try database.raw {
            try $0.execute(
                sql: """
                    CREATE TRIGGER no_counting BEFORE UPDATE ON usage_budgets WHEN NEW.used > 1
                    BEGIN SELECT RAISE(ABORT, 'no'); END
                    """)
        }
        let events = try ["a", "b"].map { try UsageSample.event($0) }
        let refusal = await code {
            try await database.store.writeUsage(
                [
                    .event(events[0], settling: UsageReservation(id: "h", user: events[0].user)),
                    .event(events[1], settling: nil),
                ],
                at: UsageSample.noon)
        }
        #expect(refusal == .storeUnavailable)
        let state = try await database.store.state(budget)
        #expect(state?.used == 0 && state?.reserved == 1)
        #expect(try database.count("usage_events") == 0)
    }

    @Test func `a row that somebody spoilt lets nothing through, or is nobody's`() async throws {
        let database = try await TestDatabase()
        let budget = try UsageSample.budget(.requests, per: .day, 10)
        for column in ["amount", "used", "reserved"] {
            try await database.store.set(budget)
            try database.raw { try $0.execute(sql: "UPDATE usage_budgets SET \(column) = 'x'") }
            #expect(try await database.store.refusal(of: try UsageSample.hold(column)) != nil, "\(column)")
            _ = try await database.store.deleteBudget(budget.id, event: UsageSample.change(.budgetDelete))
        }
        try await database.store.set(budget)
        try database.raw { try $0.execute(sql: "UPDATE usage_budgets SET warnings = 'x,999999999999999999999,-5'") }
        #expect(try await database.store.reserve(try UsageSample.hold("warnings")))
        try await database.store.tell([try UsageSample.event("e")])
        try database.raw { try $0.execute(sql: "UPDATE usage_budgets SET metric = 'x'") }
        #expect(try await !database.store.reserve(try UsageSample.hold("metric")))
    }
}

/// PostgreSQL keeps usage and budgets.
@Suite(TestPostgreSQL.isThere, .serialized)
struct PostgreSQLUsageContractTests {
    @Test(arguments: UsageContract.properties)
    func `the contract holds`(property: ContractProperty<UsageContract>) async throws {
        let drivers = Mutex<[PostgreSQLDriver]>([])
        let contract = UsageContract {
            let database = try await TestPostgreSQL()
            let driver = try PostgreSQLDriver(try PostgreSQLConfiguration(url: database.url, connections: 8))
            drivers.withLock { $0.append(driver) }
            let store = SQLStore(driver: driver)
            try await store.migrate()
            return store
        }
        let result = await Result { try await property.check(contract) }
        for driver in drivers.withLock({ $0 }) { await driver.close() }
        try result.get()
    }

    @Test func `two nodes let exactly as many through as there are requests`() async throws {
        let database = try await TestPostgreSQL()
        try await database.withStore { here in
            try await database.withStore { there in
                for (number, period) in UsageLimit.Period.allCases.enumerated() {
                    let user = "user-\(number)"
                    try await here.set(try UsageSample.budget(.requests, per: period, 17, of: user))
                    let through = try await UsageContract.through([here, there], 100) {
                        try UsageSample.hold("\(number).\($0)", of: user)
                    }
                    #expect(through == 17)
                }
                // A token's counter is added by whoever is first.
                let token = UsageHold.Token(
                    id: "tokenser", holder: nil, limits: [UsageLimit(.requests, per: .day, amount: 17)])
                let through = try await UsageContract.through([here, there], 100) {
                    try UsageSample.hold("t.\($0)", of: "user-\($0)", token: token)
                }
                #expect(through == 17)
            }
        }
    }

    @Test func `what another node sets is heard of`() async throws {
        let database = try await TestPostgreSQL()
        try await database.withStore { here in
            try await database.withStore { there in
                let heard = Mutex<[UserID?]>([])
                there.observeBudgets { user in heard.withLock { $0.append(user) } }
                try await eventually { there.driver.changes?.isLive == true }
                let budget = try UsageSample.budget(.requests, per: .day, 1, of: "caf\u{e9}")
                try await here.set(budget)
                try await eventually { heard.withLock { $0.last == budget.user } }
            }
        }
    }

    private func eventually(_ condition: () -> Bool) async throws {
        let end = ContinuousClock.now + .seconds(10)
        while !condition() {
            try #require(ContinuousClock.now < end, "it did not come about")
            await Task.yield()
        }
    }
}

extension Result where Failure == any Error {
    init(_ body: () async throws -> Success) async {
        do { self = .success(try await body()) } catch { self = .failure(error) }
    }
}
