import LatchkeySQL
import LatchkeyTesting
import Synchronization
import Testing

/// SQLite keeps access tokens.
struct AccessTokenContractTests {
    private let contract: AccessTokenContract

    init() throws {
        let folder = try TemporaryFolder()
        contract = AccessTokenContract {
            let store = SQLStore(driver: try SQLiteDriver(path: folder.newFile()))
            try await store.migrate()
            return store
        }
    }

    @Test(arguments: AccessTokenContract.properties)
    func `the contract holds`(property: ContractProperty<AccessTokenContract>) async throws {
        try await property.check(contract)
    }
}

/// PostgreSQL keeps access tokens, under row-level security.
@Suite(TestPostgreSQL.isThere, .serialized)
struct AccessTokenPostgreSQLTests {
    @Test(arguments: AccessTokenContract.properties)
    func `the contract holds`(property: ContractProperty<AccessTokenContract>) async throws {
        let opened = Drivers()
        let contract = AccessTokenContract {
            let database = try await TestPostgreSQL()
            let driver = try PostgreSQLDriver(try PostgreSQLConfiguration(url: database.url, connections: 8))
            opened.add(driver)
            let store = SQLStore(driver: driver, remembersRows: true)
            try await store.migrate()
            return store
        }
        do { try await property.check(contract) } catch {
            await opened.close()
            throw error
        }
        await opened.close()
    }
}

/// Every driver that a property made, to be closed after it.
final class Drivers: Sendable {
    private let drivers = Mutex<[PostgreSQLDriver]>([])

    func add(_ driver: PostgreSQLDriver) { drivers.withLock { $0.append(driver) } }

    func close() async {
        for driver in drivers.withLock({ $0 }) { await driver.close() }
    }
}
