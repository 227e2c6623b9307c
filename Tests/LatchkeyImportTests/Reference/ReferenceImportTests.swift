import Foundation
import LatchkeyCore
import LatchkeyCrypto
import LatchkeySQL
import LatchkeyTesting
import Testing

@testable import LatchkeyImport

/// The walk through the old table.
struct ReferenceImportTests {
    private let secret = SharedSecret(text: "the old secret")
    private let derivation: FernetDerivation
    private let providers: ProviderNames

    init() throws {
        derivation = try FernetDerivation(named: "sha256-user")
        providers = try ProviderNames(catalogue: try ProviderCatalogue.load(operatorFile: nil, allowLoopback: false))
    }

    private func token(_ key: String, _ user: String) throws -> [UInt8] {
        try OldDatabase.token(key, under: try #require(derivation.bytes(secret, user)))
    }

    private func see(
        _ database: OldDatabase, page: Int = 3, userIDs: UserIDForm = .asStored
    ) async throws -> [Seen] {
        let source = try await ReferenceDatabase.open("sqlite:\(database.path)", table: "user_api_keys")
        let deriver = try KeyDeriver(derivation, secret: secret, variable: nil)
        let rows = try await ReferenceImport(
            source: source, deriver: deriver, providers: providers, userIDs: userIDs, page: page)
        let seen = try await LatchkeyImportTests.see(rows)
        #expect(rows.total == seen.count)
        await source.close()
        return seen
    }

    @Test(arguments: ["INTEGER", "VARCHAR(36)", "NUMERIC"])
    func `every row is seen once, whatever ids are and wherever a page ends`(_ type: String) async throws {
        let database = try await OldDatabase(id: type)
        for number in 1...20 where number % 6 != 0 {
            let id = type == "VARCHAR(36)" ? "'id-\(number)'" : "\(number * 7)"
            try await database.insert(id: id, user: "u\(number)", token: try token("key-\(number)", "u\(number)"))
        }
        let expected = (1...20).filter { $0 % 6 != 0 }.map { "u\($0)=key-\($0)" }.sorted()
        for page in [1, 2, 3, 17, 500] {
            let seen = try await see(database, page: page)
            #expect(seen.map { "\($0.user)=\($0.key ?? "")" }.sorted() == expected)
        }
        await database.close()
    }

    @Test func `poisoned rows are told apart, and the others come through`() async throws {
        let database = try await OldDatabase()
        let good = try token("sk-good", "alice")
        var flipped = good
        flipped[30] ^= 1
        try await database.insert(id: "1", user: "alice", token: good)
        try await database.insert(id: "2", user: "alice", token: flipped)
        try await database.insert(id: "3", user: "alice", token: nil)
        try await database.insert(id: "4", user: nil, token: good)
        try await database.insert(id: "5", user: "alice", provider: nil, token: good)
        try await database.insert(id: "6", user: "alice", provider: "nope", token: good)
        try await database.insert(id: "7", user: "bob", token: good)
        try await database.insert(id: "8", user: "alice", token: try token("two words", "alice"))
        try await database.insert(id: "9", user: String(repeating: "u", count: 65), token: good)
        try await database.run(
            "INSERT INTO user_api_keys (id, user_id, provider, encrypted_key) VALUES (10, 17, 'OpenAI', CAST('\(String(decoding: try token("sk-17", "17"), as: UTF8.self))' AS BLOB))"
        )
        let seen = try await see(database)
        #expect(seen.map(\.place) == (1...10).map { "row \($0)" })
        #expect(seen.map(\.key) == ["sk-good", nil, nil, nil, nil, nil, nil, nil, nil, "sk-17"])
        let opens: [ImportRefusal.Kind?] = [
            nil, .wouldNotOpen, .wouldNotOpen, .refused, .refused, .refused, .wouldNotOpen, .refused, .refused, nil,
        ]
        #expect(seen.map { $0.refusal?.kind } == opens)
        #expect(!"\(seen.map(\.refusal))".contains("words"))
        await database.close()
    }

    @Test func `a UUID that SQLAlchemy wrote without hyphens gets them back`() async throws {
        let uuid = "3f2b9c1e-7a54-4d0e-9a3b-0c6f1d2e8a77"
        let database = try await OldDatabase()
        try await database.insert(
            id: "1", user: uuid.replacing("-", with: ""), token: try token("sk-1", uuid))
        #expect(try await see(database, userIDs: .uuid).map { [$0.user, $0.key] } == [[uuid, "sk-1"]])
        #expect(try await see(database).first?.refusal?.kind == .wouldNotOpen)
        #expect(UserIDForm.uuid.apply("alice") == "alice")
        await database.close()
    }

    @Test func `the table is only read`() async throws {
        let database = try await OldDatabase()
        for number in 1...50 {
            try await database.insert(id: "\(number)", user: "u", token: try token("key-\(number)", "u"))
        }
        await database.close()
        let before = try Data(contentsOf: URL(fileURLWithPath: database.path))
        #expect(try await see(database).count == 50)
        #expect(try Data(contentsOf: URL(fileURLWithPath: database.path)) == before)
    }

    @Test func `a dry run finds the derivation, and says how sure it is`() async throws {
        let database = try await OldDatabase()
        for number in 1...40 {
            let user = "u\(number)"
            let token = number == 40 ? Array("gAAAAA".utf8) : try token("sk-\(number)", user)
            try await database.insert(
                id: "\(number)", user: user, provider: number % 2 == 0 ? "OpenAI" : "x", token: token)
        }
        let source = try await ReferenceDatabase.open("sqlite:\(database.path)", table: "main.user_api_keys")
        let candidates = FernetDerivation.candidates(.init(iterations: 3), program: nil)
        let trial = try await DerivationTrial(source: source, sample: 20, userIDs: .asStored)
        let scores = try await trial.run(candidates, secret: secret, variable: nil)
        #expect(scores.count == candidates.count)
        #expect(scores.first?.derivation.name == "sha256-user")
        #expect(scores.first?.opened == 20)
        #expect(scores.dropFirst().allSatisfy { $0.opened == 0 && $0.tried > 0 })
        let all = try await DerivationTrial(source: source, sample: 1000, userIDs: .asStored)
        let score = try #require(try await all.run([derivation], secret: secret, variable: nil).first)
        #expect(score.opened == 39 && score.tried == 40)
        #expect(try await source.providers(limit: 10).map { "\($0.name) \($0.rows)" } == ["OpenAI 20", "x 20"])
        await source.close()
        await database.close()
    }
}

/// `--from`.
struct ReferenceDatabaseTests {
    @Test func `URLs as SQLAlchemy writes them are understood`() {
        let cases = [
            "sqlite:old.db": "sqlite:old.db", "sqlite:///old.db": "sqlite:old.db",
            "sqlite:////srv/old.db": "sqlite:/srv/old.db",
            "sqlite+aiosqlite:///old.db": "sqlite:old.db", "postgresql+psycopg2://a@b/c": "postgresql://a@b/c",
            "postgresql+asyncpg://a@b/c": "postgresql://a@b/c", "postgres://a@b/c": "postgresql://a@b/c",
            "postgresql://a:b+c@d/e": "postgresql://a:b+c@d/e", "mysql://x": "mysql://x",
        ]
        for (url, plain) in cases { #expect(ReferenceDatabase.plain(url) == plain) }
        #expect(ReferenceDatabase.isSame("sqlite:///old.db", "sqlite:old.db"))
        #expect(!ReferenceDatabase.isSame("sqlite:old.db", "sqlite:new.db"))
    }

    @Test func `a password in it is seen`() {
        for url in ["postgresql://a:b@c/d", "postgresql://c/d?user=a&password=b", "postgresql+psycopg2://a:b@c/d"] {
            #expect(ReferenceDatabase.hasPassword(url), "\(url)")
        }
        for url in ["postgresql://a@c:5432/d", "postgresql:///d?host=c", "sqlite:a:b@c"] {
            #expect(!ReferenceDatabase.hasPassword(url), "\(url)")
        }
    }

    @Test func `what cannot be read is a mistake in the command, without a word of the URL`() async throws {
        let folder = try TemporaryFolder()
        let empty = try await OldDatabase(table: "other")
        for (url, table) in [
            ("mysql://u:hunter2@h/d", "user_api_keys"), ("postgresql://u:hunter2@127.0.0.1:1/d?bad=1", "t"),
            ("sqlite:", "t"), ("hunter2", "t"),
        ] {
            let error = await failure { try await ReferenceDatabase.open(url, table: table) }
            #expect(error != nil && error?.description.contains("hunter2") == false, "\(url)")
            #expect(error?.description.contains("DATABASE_URL") == false)
        }
        #expect(
            await failure { try await ReferenceDatabase.open("sqlite:\(folder.file("absent"))", table: "t") } != nil)
        for table in ["", "a.b.c", "a b", "a\"; DROP TABLE x; --", ".a", "a.", String(repeating: "a", count: 64)] {
            let error = await failure { try await ReferenceDatabase.open("sqlite:\(empty.path)", table: table) }
            #expect(error?.code == .configuration, "\(table)")
        }
        let missing = try await ReferenceDatabase.open("sqlite:\(empty.path)", table: "user_api_keys")
        let error = await failure { try await missing.count() }
        #expect(error?.code == .configuration && error?.reason.contains("user_api_keys") == true)
        await missing.close()
        await empty.close()
    }
}
