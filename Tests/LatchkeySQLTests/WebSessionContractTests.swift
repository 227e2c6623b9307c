import LatchkeySQL
import LatchkeyTesting
import Testing

/// SQLite keeps browsers' sessions.
struct WebSessionContractTests {
    private let contract: WebSessionContract

    init() throws {
        let folder = try TemporaryFolder()
        contract = WebSessionContract {
            let store = SQLStore(driver: try SQLiteDriver(path: folder.newFile()))
            try await store.migrate()
            return store
        }
    }

    @Test(arguments: WebSessionContract.properties)
    func `the contract holds`(property: ContractProperty<WebSessionContract>) async throws {
        try await property.check(contract)
    }
}

/// PostgreSQL keeps browsers' sessions, under row-level security.
@Suite(TestPostgreSQL.isThere, .serialized)
struct WebSessionPostgreSQLTests {
    @Test(arguments: WebSessionContract.properties)
    func `the contract holds`(property: ContractProperty<WebSessionContract>) async throws {
        let opened = Drivers()
        let contract = WebSessionContract {
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
