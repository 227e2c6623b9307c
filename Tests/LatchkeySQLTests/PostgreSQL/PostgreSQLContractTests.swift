import LatchkeyCore
import LatchkeySQL
import LatchkeyTesting
import Synchronization
import Testing

/// PostgreSQL is a `Store`.
@Suite(TestPostgreSQL.isThere, .serialized)
struct PostgreSQLContractTests {
    @Test(arguments: StoreContract.properties)
    func `the contract holds`(property: ContractProperty<StoreContract>) async throws {
        let opened = Opened()
        let contract = StoreContract { try await opened.newStore() }
        do { try await property.check(contract) } catch {
            await opened.close()
            throw error
        }
        await opened.close()
    }

    @Test(arguments: [1, 2, 3] as [UInt64])
    func `a random history leaves what the model says`(seed: UInt64) async throws {
        let database = try await TestPostgreSQL()
        try await database.withStore { store in
            var replay = try Replay(store: store, seed: seed)
            for step in 0..<300 {
                try await replay.step()
                if step % 60 == 59 { try await replay.compareEverything(after: step) }
            }
            try await replay.compareEverything(after: 300)
            #expect(replay.kinds.count == Replay.Kind.allCases.count, "some operation was never tried")
        }
    }
}

/// Every driver that a property made, to be closed after it.
private final class Opened: Sendable {
    private let drivers = Mutex<[PostgreSQLDriver]>([])

    func newStore() async throws -> any Store {
        let database = try await TestPostgreSQL()
        let driver = try PostgreSQLDriver(try PostgreSQLConfiguration(url: database.url, connections: 8))
        drivers.withLock { $0.append(driver) }
        let store = SQLStore(driver: driver, remembersRows: true)
        try await store.migrate()
        return store
    }

    func close() async {
        for driver in drivers.withLock({ $0 }) { await driver.close() }
    }
}
