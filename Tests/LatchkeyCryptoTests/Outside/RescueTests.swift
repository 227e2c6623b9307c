import Foundation
import LatchkeyCrypto
import Testing

/// The document that a stranger would work from, and the script in it.
struct RescueTests {
    private static let script = Repository.file("Tests/Outside/rescue.py")

    private func document() throws -> String {
        try String(contentsOf: Repository.file("docs/record-format.md"), encoding: .utf8)
    }

    @Test func `the script in the document is the one that is run, and it is short`() throws {
        let script = try String(contentsOf: Self.script, encoding: .utf8)
        #expect(try document().contains("```python\n\(script)```"))
        #expect(script.split(separator: "\n", omittingEmptySubsequences: false).count <= 41)
    }

    @Test func `every known answer in the document is the vectors'`() async throws {
        let vectors = try DerivationVectors.load()
        let answers = try #require(
            document().split(separator: "## Known answers").last?.split(separator: "```").dropFirst().first)
        let joined = answers.split(separator: "\n").map { $0.drop { $0 == " " } }.joined()
        let entry = try await KeysetEntry.make(
            root: vectors.root(1), state: .primary, createdAt: "2026-01-02T03:04:05Z")
        let mac = entry.mac.map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined()
        let root = try #require(vectors.roots["1"])
        let base = vectors.base
        for answer in [
            root.text, root.keyCheckHex, base.userInfoHex, base.userKeyHex, base.context.salt, base.recordKeyHex,
            "\(base.fernetTime), \(base.fernetIvHex)", base.payloadUtf8.trimmingCharacters(in: .whitespaces),
            base.token,
            vectors.keyHash.hex, mac,
        ] {
            #expect(joined.contains(answer), "\(answer)")
        }
    }

    private struct Row: Encodable {
        let table: String
        let user: String
        let provider: String
        let name: String
        let kid: UInt32
        let version: UInt64
        let salt: String
        let token: String
    }

    /// A database as the service writes it, as far as the script reads it.
    private func makeDatabase(_ rows: [Row]) throws -> URL {
        let database = FileManager.default.temporaryDirectory.appendingPathComponent("latchkey-\(UUID().uuidString).db")
        let script = """
            import json, sqlite3, sys
            database = sqlite3.connect("\(database.path)")
            for table in ("user_api_keys", "global_api_keys"):
                user = "user_id TEXT, " if table == "user_api_keys" else ""
                database.execute(f"CREATE TABLE {table} ({user} provider TEXT, name TEXT, suite INTEGER, root_kid INTEGER, "
                                 "row_version INTEGER, salt TEXT, encrypted_key TEXT)")
            for row in json.load(open(sys.argv[1])):
                values = [row["provider"], row["name"], 1, row["kid"], row["version"], row["salt"], row["token"]]
                if row["table"] == "user_api_keys": values.insert(0, row["user"])
                database.execute(f"INSERT INTO {row['table']} VALUES ({','.join('?' * len(values))})", values)
            database.commit()
            print("[]")
            """
        let _: [Int] = try Python.exchange(script, rows)
        return database
    }

    private func row(_ root: SoftwareRootKey, user: String?, provider: String, name: String, secret: String)
        async throws -> Row
    {
        let table = user == nil ? "global_api_keys" : "user_api_keys"
        let owner: RecordOwner = user.map { .user([UInt8]($0.utf8)) } ?? .global
        let credential = Credential(
            baseURL: "https://x", expiresAt: nil, fields: [:], kind: .apiKey, secret: Secret(secret))
        let record = try await OwnerKey(root: root, owner: owner).seal(
            credential.encode(),
            as: RecordContext(table: table, owner: owner, identity: [provider, name], field: "credential"),
            rowVersion: 7,
            time: 1_700_000_000)
        return Row(
            table: table, user: user ?? "", provider: provider, name: name, kid: record.kid, version: record.rowVersion,
            salt: record.salt.map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined(),
            token: String(decoding: record.token, as: UTF8.self))
    }

    private static let needsPython = "skipped: python3 cannot import `cryptography`, so the rescue script is not run"

    @Test(.enabled(if: Python.hasCryptography, Comment(rawValue: needsPython)))
    func `a stranger gets every key back, and only with the right root`() async throws {
        let texts = [RootText.generate(kid: 1).bytes, RootText.generate(kid: 2).bytes]
        let roots = try texts.map { text in try text.withUnsafeBytes { try RootText.parse($0) } }
        var rows = [
            try await row(roots[0], user: "alice", provider: "openai", name: "default", secret: "sk-alice"),
            try await row(roots[1], user: "alice", provider: "openai", name: "work", secret: "sk-\"quoted\\"),
            try await row(roots[0], user: "caf\u{e9}", provider: "gemini", name: "default", secret: "composed"),
            try await row(roots[0], user: "cafe\u{301}", provider: "gemini", name: "default", secret: "decomposed"),
            try await row(roots[1], user: nil, provider: "openai", name: "default", secret: "sk-global"),
        ]
        let database = try makeDatabase(rows)
        defer { try? FileManager.default.removeItem(at: database) }
        let both = String(decoding: texts[0] + [UInt8(ascii: ",")] + texts[1], as: UTF8.self)
        let rescued = try Python.run([Self.script.path, both, database.path])
        #expect(rescued.status == 0, "\(rescued.errors)")
        let expected = [
            "alice openai default sk-alice", "alice openai work sk-\"quoted\\", "caf\u{e9} gemini default composed",
            "cafe\u{301} gemini default decomposed", " openai default sk-global",
        ]
        let lines = rescued.output.split(separator: "\n").map { [UInt8]($0.utf8) }
        #expect(Set(lines) == Set(expected.map { [UInt8]($0.utf8) }))

        let other = String(decoding: RootText.generate(kid: 1).bytes, as: UTF8.self)
        let nothing = try Python.run([Self.script.path, other, database.path])
        #expect(nothing.status == 1)
        #expect(nothing.output.isEmpty)
        #expect(nothing.errors.split(separator: "\n").count == rows.count)

        // One row moved to another user: it is named, the rest comes out.
        let moved = rows[0]
        rows[0] = Row(
            table: moved.table, user: "mallory", provider: moved.provider, name: moved.name, kid: moved.kid,
            version: moved.version, salt: moved.salt, token: moved.token)
        let tampered = try makeDatabase(rows)
        defer { try? FileManager.default.removeItem(at: tampered) }
        let partial = try Python.run([Self.script.path, both, tampered.path])
        #expect(partial.status == 1)
        #expect(partial.output.split(separator: "\n").count == rows.count - 1)
        #expect(partial.errors == "user_api_keys mallory openai default does not open: InvalidToken\n")
    }
}
