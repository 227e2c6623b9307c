import Foundation
import GRDB
import LatchkeyCore
import LatchkeyCrypto
import LatchkeySQL
import LatchkeyTesting
import Testing

/// A row that somebody spoilt: it is read without an error, and takes no other row with it.
struct RowDecodeTests {
    /// What a person with the `sqlite3` tool can put where it does not belong.
    private static let rubbish: [(name: String, value: DatabaseValue)] = [
        ("NULL", .null), ("an empty text", "".databaseValue), ("a word", "garbage".databaseValue),
        ("a text of a megabyte", String(repeating: "x", count: 1 << 20).databaseValue),
        ("a text with NUL", "a\u{0}b".databaseValue), ("text out of ASCII", "café\u{202e}".databaseValue),
        ("0", 0.databaseValue), ("-1", (-1).databaseValue), ("256", 256.databaseValue),
        ("2^32", (1 << 32).databaseValue), ("the largest integer", Int64.max.databaseValue),
        ("the smallest integer", Int64.min.databaseValue), ("1.5", 1.5.databaseValue), ("1e300", 1e300.databaseValue),
        ("infinity", Double.infinity.databaseValue), ("an empty blob", [UInt8]().blob),
        ("bytes", [0xFF, 0, 0xC3].blob),
        ("bytes that are text", Array("2026-01-01 00:00:00".utf8).blob),
        ("an impossible date", "2026-02-30 25:61:61".databaseValue),
        ("a far date", "9999-12-31 23:59:59.999999".databaseValue),
    ]

    private static let columns = [
        "user_id", "provider", "encrypted_key", "key_hash", "is_valid", "last_validated", "created_at", "updated_at",
        "name", "suite", "root_kid", "row_version", "salt", "key_hint", "kind", "label", "base_url", "verdict",
        "check_status", "check_code", "checked_at", "check_decisive", "next_check_at", "expires_at", "last_used_at",
    ]

    @Test func `every column of the table is looked at`() async throws {
        let database = try await TestDatabase()
        for table in KeyTable.allCases {
            let columns = try database.raw { try $0.columns(in: table.rawValue).map(\.name) }
            #expect(Set(columns) == Set(Self.columns + ["id"]))
        }
    }

    @Test(arguments: columns, KeyTable.allCases)
    func `rubbish in one column is read, and leaves other rows alone`(column: String, table: KeyTable) async throws {
        let database = try await TestDatabase()
        let store = database.store
        let owner = table == .global ? KeyOwner.global : try Sample.user("alice")
        let other = table == .global ? KeyOwner.global : try Sample.user("bob")
        let spoilt = try Sample.reference(owner, "m-spoilt")
        let neighbours = [
            try Sample.reference(owner, "a-before"), try Sample.reference(owner, "z-after"),
            try Sample.reference(other, "m-spoilt", "theirs"),
        ]
        var random = SeededRandom(seed: 7)
        var good = Sample.fullKey(spoilt, random: &random)
        good.nextCheckAt = Sample.time
        try await store.write(good)
        for reference in neighbours { try await store.write(Sample.key(reference, nextCheckAt: Sample.time)) }
        let meant = try await keys(store, neighbours)
        var spoiltRows = 0
        for (name, value) in Self.rubbish {
            guard try spoil(database, table, column, value) else { continue }
            spoiltRows += 1
            // None of these may throw, whatever the column holds.
            let own = try await store.keys(of: owner)
            _ = try await store.key(spoilt)
            let due = try await store.keysDue(at: Sample.time, limit: 100)
            let walked = try await store.keys(in: table, afterRow: 0, limit: 100)
            let comment = Comment(rawValue: "\(column) holds \(name)")
            #expect(try await keys(store, neighbours) == meant, comment)
            #expect(
                own.filter { neighbours.contains(KeyReference($0.owner, $0.provider, $0.name)) }.count >= 2, comment)
            #expect(due.filter { meant.contains($0) }.count == 3, comment)
            #expect(walked.count == 4, comment)
            #expect(walked.compactMap(\.key).filter { meant.contains($0) }.count == 3, comment)
            #expect(try await store.keyCount(table) == 4, comment)
            // A check of it is written or dropped, and never fails.
            _ = try await store.recordCheck(
                spoilt, rowVersion: 1, check: CheckResult(verdict: .unknown, evidence: Evidence(), nextCheckAt: nil),
                event: Sample.event(.keyCheck, spoilt))
            try await restore(database, table, good)
        }
        #expect(spoiltRows >= 10, "the schema let hardly anything in: the test shows nothing")
    }

    @Test(arguments: columns.filter { !["row_version", "user_id", "provider", "name"].contains($0) })
    func `a spoilt row can be replaced and deleted`(column: String) async throws {
        let database = try await TestDatabase()
        let store = database.store
        let reference = try Sample.reference(try Sample.user("alice"))
        for (name, value) in Self.rubbish {
            let comment = Comment(rawValue: "\(column) held \(name)")
            try await store.write(Sample.key(reference))
            guard try spoil(database, .user, column, value) else { continue }
            let written = try await store.write(Sample.key(reference))
            #expect(
                try await store.key(reference) == Sample.key(reference, version: written.sealed.rowVersion), comment)
            _ = try spoil(database, .user, column, value)
            let deleted = try await store.delete(reference, event: Sample.event(.keyDelete))
            #expect(deleted == written.sealed.rowVersion, comment)
            #expect(try await store.key(reference) == nil, comment)
        }
    }

    /// Its owner must be able to get rid of it, or to set the key again.
    @Test(arguments: ["'abc'", "1.5", "-5"])
    func `a row whose version is spoilt can be replaced and deleted`(value: String) async throws {
        let database = try await TestDatabase()
        let store = database.store
        let reference = try Sample.reference(try Sample.user("alice"))
        try await store.write(Sample.key(reference))
        let spoil = "UPDATE user_api_keys SET row_version = \(value)"
        try database.raw { try $0.execute(sql: spoil) }
        try await store.write(Sample.key(reference))
        #expect(try await store.key(reference)?.sealed.rowVersion == 1)
        try database.raw { try $0.execute(sql: spoil) }
        #expect(try await store.delete(reference, event: Sample.event(.keyDelete)) != nil)
        #expect(try await store.key(reference) == nil)
    }

    @Test func `what does not decode becomes what does not open`() async throws {
        let database = try await TestDatabase()
        let store = database.store
        let reference = try Sample.reference(try Sample.user("alice"))
        let good = Sample.key(reference)
        for value in [256.databaseValue, "x".databaseValue, (-1).databaseValue] {
            try await store.write(good)
            _ = try spoil(database, .user, "suite", value)
            #expect(try await store.key(reference)?.sealed.suite == 0)
        }
        for (column, value) in [("root_kid", (1 << 32).databaseValue), ("root_kid", "1x".databaseValue)] {
            try await store.write(good)
            _ = try spoil(database, .user, column, value)
            #expect(try await store.key(reference)?.sealed.kid == 0)
        }
        for salt in ["A1", "0", "0g", "zz", "4142434"] {
            try await store.write(good)
            _ = try spoil(database, .user, "salt", salt.databaseValue)
            #expect(try await store.key(reference)?.sealed.salt == [])
        }
        try await store.write(good)
        _ = try spoil(database, .user, "verdict", "VALID".databaseValue)
        #expect(try await store.key(reference)?.verdict == .unknown)
    }

    @Test func `rows that cannot be read do not stop a walk`() async throws {
        let database = try await TestDatabase()
        let store = database.store
        for index in 0..<5 {
            try await store.write(Sample.key(try Sample.reference(try Sample.user("user-\(index)"))))
        }
        try database.raw {
            try $0.execute(sql: "UPDATE user_api_keys SET provider = 'NOT ONE' WHERE user_id = 'user-1'")
            try $0.execute(sql: "UPDATE user_api_keys SET name = '' WHERE user_id = 'user-2'")
            try $0.execute(sql: "UPDATE user_api_keys SET user_id = char(7) WHERE user_id = 'user-3'")
        }
        let walked = try await store.keys(in: .user, afterRow: 0, limit: 100)
        #expect(walked.map(\.id) == [1, 2, 3, 4, 5])
        #expect(walked.map { $0.key == nil } == [false, true, true, true, false])
    }

    private func keys(_ store: SQLStore, _ references: [KeyReference]) async throws -> [UserAPIKey] {
        var keys: [UserAPIKey] = []
        for reference in references { if let key = try await store.key(reference) { keys.append(key) } }
        return keys
    }

    /// Puts `value` into that column of the oldest row.
    /// - Returns: false when the schema does not let it in.
    private func spoil(
        _ database: TestDatabase, _ table: KeyTable, _ column: String, _ value: DatabaseValue
    ) throws -> Bool {
        do {
            try database.raw { connection in
                try connection.execute(sql: "PRAGMA ignore_check_constraints = ON")
                try connection.execute(
                    sql:
                        "UPDATE \(table.rawValue) SET \(column) = ? WHERE id = (SELECT MIN(id) FROM \(table.rawValue))",
                    arguments: [value])
            }
            return true
        } catch let error as DatabaseError where error.resultCode == .SQLITE_CONSTRAINT {
            return false
        }
    }

    private func restore(_ database: TestDatabase, _ table: KeyTable, _ key: UserAPIKey) async throws {
        try database.raw {
            try $0.execute(sql: "DELETE FROM \(table.rawValue) WHERE id = 1")
        }
        try await database.store.write(key)
        try database.raw {
            try $0.execute(
                sql: "UPDATE \(table.rawValue) SET id = 1 WHERE provider = ? AND name = ? AND user_id = ?",
                arguments: [key.provider.text, key.name.text, key.owner.column])
        }
    }
}

extension [UInt8] {
    fileprivate var blob: DatabaseValue { Data(self).databaseValue }
}
