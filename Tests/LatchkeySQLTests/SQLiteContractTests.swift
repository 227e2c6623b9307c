import LatchkeySQL
import LatchkeyTesting
import Testing

/// SQLite is a `Store`.
struct SQLiteContractTests {
    private let folder: TemporaryFolder
    private let contract: StoreContract

    init() throws {
        let folder = try TemporaryFolder()
        self.folder = folder
        contract = StoreContract {
            let store = SQLStore(driver: try SQLiteDriver(path: folder.newFile()))
            try await store.migrate()
            return store
        }
    }

    @Test(arguments: StoreContract.properties)
    func `the contract holds`(property: ContractProperty<StoreContract>) async throws {
        try await property.check(contract)
    }

    @Test func `the contract holds with a single reader`() async throws {
        let folder = folder
        let contract = StoreContract {
            let store = SQLStore(driver: try SQLiteDriver(path: folder.newFile(), readers: 1))
            try await store.migrate()
            return store
        }
        for property in StoreContract.properties { try await property.check(contract) }
    }
}

/// The model that stores are compared with is a `Store` itself.
struct ModelContractTests {
    @Test(arguments: StoreContract.properties)
    func `the contract holds`(property: ContractProperty<StoreContract>) async throws {
        try await property.check(StoreContract { ModelStore() })
    }
}
