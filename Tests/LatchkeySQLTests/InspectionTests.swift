import LatchkeyCore
import LatchkeySQL
import LatchkeyTesting
import Testing

/// Looking at a database without leaving a trace.
struct InspectionTests {
    @Test func `an inspected database shows its rows and takes none`() async throws {
        let database = try await TestDatabase()
        let reference = try Sample.reference(try Sample.user("alice"))
        let key = try await database.store.write(Sample.key(reference))
        let store = SQLStore(driver: try SQLiteDriver(inspecting: database.path))
        #expect(try await store.key(reference) == key)
        #expect(try await store.missingMigrations() == [])
        #expect(await code { try await store.write(Sample.key(reference)) } == .storeUnavailable)
        #expect(await code { try await store.append(Sample.event()) } == .storeUnavailable)
        #expect(try await store.key(reference) == key)
    }

    @Test func `inspecting changes no byte`() async throws {
        let database = try await TestDatabase()
        try await database.store.append(Sample.event())
        let before = try ["", "-wal"].map { try fileBytes(database.path + $0) }
        let store = SQLStore(driver: try SQLiteDriver(inspecting: database.path))
        _ = try await store.missingMigrations()
        _ = try await store.keys(of: .global)
        _ = try? await store.migrate()
        #expect(try ["", "-wal"].map { try fileBytes(database.path + $0) } == before)
    }

    @Test func `a file that is not there is not made`() async throws {
        let folder = try TemporaryFolder()
        let path = folder.newFile()
        #expect(await code { try SQLiteDriver(inspecting: path) } == .storeUnavailable)
        #expect(try fileBytes(path).isEmpty)
    }
}
