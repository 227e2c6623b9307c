import Foundation
import GRDB
import LatchkeyCore
import LatchkeyCrypto
import LatchkeySQL
import LatchkeyTesting
import Testing

/// A database that is not there or is no database: one code, and a sentence with the mend.
struct UnavailableTests {
    private let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    @Test func `a file in a folder that is not there`() async {
        await expect("the database file cannot be opened", at: folder.file("missing/folder/latchkey.db"))
    }

    @Test func `a folder`() async { await expect("the database file cannot be opened", at: folder.path) }

    @Test(arguments: ["not a database, but long enough to be read as the header of one, or so it seems"])
    func `a file that is no database`(text: String) async throws {
        let path = folder.newFile()
        try write(text, to: path)
        await expect("the file is not a SQLite database", at: path)
        #expect(try fileBytes(path) == Array(text.utf8))
    }

    @Test func `a file that was cut or scribbled over`() async throws {
        let database = try await TestDatabase()
        for index in 0..<50 {
            try await database.store.write(Sample.key(try Sample.reference(try Sample.user("user-\(index)"))))
        }
        try database.raw { try $0.execute(sql: "PRAGMA wal_checkpoint(TRUNCATE)") }
        var bytes = try fileBytes(database.path)
        for index in 4096..<bytes.count { bytes[index] = 0xA5 }
        let path = folder.newFile()
        try Data(bytes).write(to: URL(fileURLWithPath: path))
        let error = await #expect(throws: LatchkeyError.self) {
            let store = SQLStore(driver: try SQLiteDriver(path: path))
            _ = try await store.missingMigrations()
            _ = try await store.keys(of: .global)
        }
        #expect(error?.code == .storeUnavailable)
        #expect(error?.reason == "the database file is damaged")
    }

    @Test func `a database without our tables`() async throws {
        let store = SQLStore(driver: try SQLiteDriver(path: folder.newFile()))
        let error = await #expect(throws: LatchkeyError.self) { _ = try await store.keys(of: .global) }
        #expect(error?.code == .storeUnavailable)
        #expect(error?.hint == "run latchkey migrate")
        #expect(await code { try await store.append(Sample.event()) } == .storeUnavailable)
        try await store.ping()
    }

    @Test(.enabled(if: !isRoot, "modes mean nothing to root"))
    func `a file that may only be read`() async throws {
        let database = try await TestDatabase()
        await database.driver.close()
        try setMode(0o400, of: database.path)
        defer { try? setMode(0o600, of: database.path) }
        let error = await #expect(throws: LatchkeyError.self) {
            let store = SQLStore(driver: try SQLiteDriver(path: database.path))
            try await store.append(Sample.event())
        }
        #expect(error?.code == .storeUnavailable)
        #expect(error?.reason == "the database cannot be written")
    }

    @Test(.enabled(if: !isRoot, "modes mean nothing to root"))
    func `a folder that may only be read`() async throws {
        let inner = folder.file("inner")
        try FileManager.default.createDirectory(atPath: inner, withIntermediateDirectories: false)
        try setMode(0o500, of: inner)
        defer { try? setMode(0o700, of: inner) }
        await expect("the database file cannot be opened", at: inner + "/latchkey.db")
    }

    /// An error text names the cause, never a value that was bound.
    @Test func `no error holds what was written`() async throws {
        let database = try await TestDatabase()
        try database.raw { try $0.execute(sql: "DROP TABLE user_api_keys") }
        var key = Sample.key(try Sample.reference(try Sample.user("CANARY-user")))
        key.sealed.token = Array("CANARY-token".utf8)
        key.label = "CANARY-label"
        let written = key
        let error = await #expect(throws: LatchkeyError.self) { try await database.store.write(written) }
        #expect(error.map { !"\($0) \($0.hint ?? "")".contains("CANARY") } == true)
    }

    private func expect(_ reason: String, at path: String) async {
        let error = #expect(throws: LatchkeyError.self) { _ = try SQLiteDriver(path: path) }
        #expect(error?.code == .storeUnavailable)
        #expect(error?.reason == reason)
        #expect(error?.hint?.isEmpty == false)
    }
}
