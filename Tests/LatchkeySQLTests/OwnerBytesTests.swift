import GRDB
import LatchkeyCore
import LatchkeySQL
import LatchkeyTesting
import Testing

/// User ids are bytes on the way into the database, in it, and on the way back.
struct OwnerBytesTests {
    private static let spellings: [(String, String)] = [
        ("caf\u{e9}", "cafe\u{301}"), ("\u{212b}", "\u{c5}"), ("user", "user "), ("user", "User"), ("1", "01"),
        ("1", "1.0"), ("ﬁ", "fi"), ("\u{1100}\u{1161}", "\u{ac00}"),
    ]

    @Test(arguments: spellings)
    func `two spellings are two rows`(one: String, other: String) async throws {
        let database = try await TestDatabase()
        let store = database.store
        let owners = [try Sample.user(one), try Sample.user(other)]
        for (index, owner) in owners.enumerated() {
            var key = Sample.key(try Sample.reference(owner))
            key.label = "\(index)"
            try await store.write(key)
        }
        let stored = try database.raw {
            try String.fetchAll($0, sql: "SELECT hex(CAST(user_id AS BLOB)) FROM user_api_keys ORDER BY id")
        }
        #expect(
            stored
                == [one, other].map {
                    $0.utf8.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined().uppercased()
                })
        for (index, owner) in owners.enumerated() {
            #expect(try await store.keys(of: owner).map(\.label) == ["\(index)"])
        }
        #expect(try await store.deleteAll(of: owners[0], event: Sample.event(.keyDeleteAll)) == 1)
        #expect(try await store.keys(of: owners[1]).count == 1)
    }

    @Test(arguments: [1, 64])
    func `an id of the shortest and the longest length fits`(length: Int) async throws {
        let database = try await TestDatabase()
        for scalar in ["x", "é", "🔑"] {
            let owner = try Sample.user(String(repeating: scalar, count: length))
            try await database.store.write(Sample.key(try Sample.reference(owner)))
            #expect(try await database.store.keys(of: owner).count == 1)
        }
    }

    @Test func `the schema keeps users out of the global table and the other way round`() async throws {
        let database = try await TestDatabase()
        let columns = "user_id, provider, encrypted_key, key_hash, suite, root_kid, row_version, salt, kind, base_url"
        for (table, user) in [("user_api_keys", ""), ("global_api_keys", "alice"), ("global_api_keys", " ")] {
            let error = #expect(throws: DatabaseError.self) {
                try database.raw {
                    try $0.execute(
                        sql: "INSERT INTO \(table) (\(columns)) VALUES (?, 'p', '', '', 1, 1, 1, '', '', '')",
                        arguments: [user])
                }
            }
            #expect(error?.resultCode == .SQLITE_CONSTRAINT)
        }
    }
}
