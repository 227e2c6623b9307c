import GRDB
import LatchkeyCore
import LatchkeySQL
import LatchkeyTesting

/// One SQLite file in a folder of its own, and a second connection to it: what another program, or a person with the
/// `sqlite3` tool, sees and does.
struct TestDatabase: Sendable {
    let folder: TemporaryFolder
    let path: String
    let driver: SQLiteDriver
    var store: SQLStore { SQLStore(driver: driver) }

    /// - Parameter migrated: false leaves the file without tables.
    init(migrated: Bool = true) async throws {
        folder = try TemporaryFolder()
        path = folder.newFile()
        driver = try SQLiteDriver(path: path)
        if migrated { try await store.migrate() }
    }

    /// Runs SQL on a connection that is closed again.
    func raw<Result>(_ body: (Database) throws -> Result) throws -> Result {
        try Self.raw(path, body)
    }

    static func raw<Result>(_ path: String, _ body: (Database) throws -> Result) throws -> Result {
        var configuration = Configuration()
        configuration.busyMode = .timeout(30)
        let queue = try DatabaseQueue(path: path, configuration: configuration)
        defer { try? queue.close() }
        // No transaction around it: SQLite's own, statement by statement.
        return try queue.writeWithoutTransaction(body)
    }

    /// The first column of a query on the writer's own connection, as text.
    func onWriter(_ sql: String) async throws -> [String?] {
        try await driver.transaction { transaction -> [String?] in
            var texts: [String?] = []
            try transaction.query(.test(sql), []) { texts.append($0.text(0)) }
            return texts
        }
    }

    /// The first column of a query on a reader's connection, as text.
    func onReader(_ sql: String) async throws -> [String?] {
        var texts: [String?] = []
        try await driver.query(.test(sql), []) { texts.append($0.text(0)) }
        return texts
    }

    func count(_ table: String) throws -> Int {
        try raw { try Int.fetchOne($0, sql: "SELECT COUNT(*) FROM \(table)") ?? -1 }
    }
}

extension SQLStatement {
    /// A statement of a test's own.
    static func test(_ sql: String) -> SQLStatement { SQLStatement("test: \(sql)", sql) }
}

/// The code of the error that `body` throws, or nil when it throws none or another kind.
func code<Result>(_ body: () async throws -> Result) async -> ErrorCode? {
    do {
        _ = try await body()
        return nil
    } catch {
        return (error as? LatchkeyError)?.code
    }
}
