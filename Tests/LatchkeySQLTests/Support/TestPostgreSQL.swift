import Foundation
import LatchkeyCore
import LatchkeySQL
import LatchkeyTesting
import Testing

/// A private PostgreSQL server that the test run was started with (`scripts/with-postgres`), and one new database on it.
struct TestPostgreSQL: Sendable {
    /// A superuser's URL of the server's database `postgres`.
    static let server = ProcessInfo.processInfo.environment["LATCHKEY_TEST_POSTGRES"]
    static let isThere: ConditionTrait = .enabled(
        if: server != nil, "LATCHKEY_TEST_POSTGRES is not set: run through `make test`, or scripts/with-postgres")

    let url: String

    /// A new, empty database, owned by a role of its own that is no superuser.
    init() async throws {
        let server = try #require(Self.server)
        let name = "t\(UUID().uuidString.lowercased().filter { $0 != "-" })"
        try await Self.run(
            [
                "CREATE ROLE \(name) LOGIN PASSWORD 'private'",
                "CREATE DATABASE \(name) OWNER \(name) TEMPLATE template0",
            ], on: server)
        var parts = try #require(URLComponents(string: server))
        parts.user = name
        parts.password = "private"
        parts.path = "/" + name
        url = try #require(parts.string)
    }

    /// Each statement by itself, on a connection of its own.
    static func run(_ statements: [String], on url: String) async throws {
        try await withRawDriver(url) { driver in
            for sql in statements { try await driver.execute(.test(sql), []) }
        }
    }

    /// The first column of a query, as a superuser sees it.
    func column(_ sql: String) async throws -> [String?] {
        try await asSuperuser { driver in
            var texts: [String?] = []
            try await driver.query(.test(sql), []) { texts.append($0.text(0)) }
            return texts
        }
    }

    /// A superuser's driver on this database, closed again.
    func asSuperuser<R: Sendable>(_ body: (PostgreSQLDriver) async throws -> R) async throws -> R {
        let server = try #require(Self.server)
        let own = try #require(URLComponents(string: url))
        var parts = try #require(URLComponents(string: server))
        parts.path = own.path
        return try await Self.withRawDriver(try #require(parts.string), body)
    }

    /// A migrated store, closed after `body`.
    func withStore<R: Sendable>(
        connections: Int = 6, patience: Duration = .seconds(10), _ body: (SQLStore) async throws -> R
    ) async throws -> R {
        try await Self.withRawDriver(url, connections: connections, patience: patience) { driver in
            let store = SQLStore(driver: driver, remembersRows: true)
            try await store.migrate()
            return try await body(store)
        }
    }

    static func withRawDriver<R: Sendable>(
        _ url: String, connections: Int = 5, patience: Duration = .seconds(10),
        _ body: (PostgreSQLDriver) async throws -> R
    ) async throws -> R {
        let driver = try PostgreSQLDriver(
            try PostgreSQLConfiguration(url: url, connections: connections, patience: patience))
        do {
            let result = try await body(driver)
            await driver.close()
            return result
        } catch {
            await driver.close()
            throw error
        }
    }
}
