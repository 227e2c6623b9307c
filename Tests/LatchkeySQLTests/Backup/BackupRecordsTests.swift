import GRDB
import LatchkeyCore
import LatchkeyCrypto
import LatchkeyTesting
import Testing

@testable import LatchkeySQL

/// "412 of 412 keys readable", and when not.
struct BackupRecordsTests {
    private let database: TestDatabase
    private let vault: VaultFixture
    private let path: String

    init() async throws {
        database = try await TestDatabase()
        vault = try VaultFixture(store: database.store)
        path = database.folder.file("backup.gz")
        for index in 0..<20 {
            let provider = index % 2 == 0 ? "acme" : "beta"
            try await vault.set(provider, name: "n\(index)", validate: false, of: try Sample.user("user-\(index % 3)"))
        }
        try await vault.set("acme", expiresAt: Timestamp(unixSeconds: 4_000_000_000), validate: false, of: .global)
    }

    @Test func `every key that was set opens`() async throws {
        let records = try await records()
        #expect(records.total == 21 && records.readable == 21 && records.unreadable.isEmpty)
    }

    @Test(arguments: ["encrypted_key", "salt", "key_hash", "base_url", "kind", "provider", "user_id", "name"])
    func `a row that was changed is counted, and no other`(column: String) async throws {
        let value = column == "salt" ? String(repeating: "00", count: 32) : "changed"
        try database.raw {
            try $0.execute(sql: "UPDATE user_api_keys SET \(column) = ? WHERE id = 3", arguments: [value])
        }
        let records = try await records()
        #expect(records.total == 21 && records.readable == 20)
        let provider = column == "provider" ? "changed" : "acme"
        #expect(records.unreadable == [.init(table: "user_api_keys", provider: provider, missingRoot: nil): 1])
    }

    @Test func `rows under a root that is not configured say so`() async throws {
        try database.raw { try $0.execute(sql: "UPDATE user_api_keys SET root_kid = 9 WHERE id <= 4") }
        let records = try await records()
        #expect(records.readable == 17)
        #expect(
            records.unreadable == [
                .init(table: "user_api_keys", provider: "acme", missingRoot: 9): 2,
                .init(table: "user_api_keys", provider: "beta", missingRoot: 9): 2,
            ])
    }

    @Test func `a row that cannot be read at all is counted`() async throws {
        try database.raw {
            try $0.execute(sql: "UPDATE user_api_keys SET provider = 'NOT ONE' WHERE id = 1")
            try $0.execute(sql: "UPDATE user_api_keys SET row_version = 'x', suite = '' WHERE id = 2")
        }
        let records = try await records()
        #expect(records.readable == 19)
        #expect(records.unreadable[.init(table: "user_api_keys", provider: nil, missingRoot: nil)] == 1)
        #expect(records.unreadable[.init(table: "user_api_keys", provider: "beta", missingRoot: nil)] == 1)
    }

    private func records() async throws -> BackupRecords {
        _ = try await Backup.write(
            database.store, to: path, replacing: false, keyring: vault.keyring, at: Sample.time)
        return try await VerifiedBackup.openingRecords(of: path, keyring: vault.keyring).1
    }
}
