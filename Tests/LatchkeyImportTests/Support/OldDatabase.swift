import Fernet
import LatchkeySQL
import LatchkeyTesting

/// A reference system's table in a SQLite file.
struct OldDatabase {
    let folder: TemporaryFolder
    let path: String
    private let driver: SQLiteDriver

    /// - Parameter id: the type of the primary key.
    init(id: String = "INTEGER", table: String = "user_api_keys") async throws {
        folder = try TemporaryFolder()
        path = folder.newFile()
        driver = try SQLiteDriver(path: path)
        try await run(
            """
            CREATE TABLE \(table) (id \(id) PRIMARY KEY, user_id VARCHAR(64), provider VARCHAR(50), encrypted_key TEXT,
                key_hash VARCHAR(255), is_valid BOOLEAN, last_validated TIMESTAMP, created_at TIMESTAMP,
                updated_at TIMESTAMP)
            """)
    }

    func run(_ sql: String) async throws {
        _ = try await driver.execute(SQLStatement(sql, sql), [], evidence: nil)
    }

    func insert(id: String, user: String?, provider: String? = "openai", token: [UInt8]?) async throws {
        let values = [user, provider, token.map { String(decoding: $0, as: UTF8.self) }].map { value in
            value.map { "'\($0.replacing("'", with: "''"))'" } ?? "NULL"
        }
        try await run(
            "INSERT INTO user_api_keys (id, user_id, provider, encrypted_key) VALUES (\(id), \(values.joined(separator: ", ")))"
        )
    }

    func close() async { await driver.close() }

    static func token(_ key: String, under secret: [UInt8]) throws -> [UInt8] {
        try Array(key.utf8).withUnsafeBytes { plain in
            try secret.withUnsafeBytes {
                try Fernet.seal(plain, key: $0, time: 1_700_000_000, iv: [UInt8](repeating: 7, count: 16))
            }
        }
    }
}
