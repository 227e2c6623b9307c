import LatchkeyCrypto
import LatchkeyTesting
import Testing

/// The root in memory is a `RootKey`.
struct RootKeyContractTests {
    @Test(arguments: RootKeyContract.properties)
    func `the contract holds`(property: ContractProperty<RootKeyContract>) async throws {
        try await property.check(RootKeyContract { try VaultFixture.newRoot($0) })
    }
}
