import Crypto
import GRDB
import LatchkeyCore
import LatchkeyCrypto
import LatchkeyTesting
import Testing

@testable import LatchkeySQL

/// A database with something in every table and every column, the root it was made with, and a folder for its backups.
struct BackupFixture {
    let database: TestDatabase
    let keyring: RootKeyring
    let backup: String

    /// - Parameter keys: how many keys of users; a tenth of it more are global.
    init(keys: Int = 30, seed: UInt64 = 1) async throws {
        database = try await TestDatabase()
        let root = try VaultFixture.newRoot(1)
        keyring = try RootKeyring(roots: [root], now: { 0 })
        backup = database.folder.file("backup.gz")
        let store = database.store
        let entry = try await KeysetEntry.make(root: root, state: .primary, createdAt: "2026-01-02T03:04:05Z")
        _ = try await store.initializeKeyset(entry)
        var random = SeededRandom(seed: seed)
        for index in 0..<keys {
            let owner = try Sample.user(
                ["alice", "caf\u{e9}", "cafe\u{301}", "\"quo\\ted\"", "🔑"][index % 5] + "-\(index)")
            try await store.write(Sample.fullKey(try Sample.reference(owner), random: &random))
            if index % 10 == 0 {
                let global = try Sample.reference(.global, "openai", "name-\(index)")
                try await store.write(Sample.fullKey(global, random: &random))
            }
        }
        let user = try UserID("alice-0")
        try await store.set(.globalFallback, to: false, of: user, event: Sample.event(.settingsChange))
        try await store.set(.setupFinished, to: "2026-01-01T00:00:00Z", event: Sample.event(.setupFinish))
        try await store.append(Sample.event(detail: "line\nfeed, \"quote\", \\ and \u{1}"))
        try await addUsage(store, &random)
    }

    /// A call is under way, which a backup does not take along.
    private func addUsage(_ store: SQLStore, _ random: inout SeededRandom) async throws {
        let events = try (0..<40).map { index in
            try UsageSample.fullEvent(
                "e\(index)", of: random.pick(["007", "caf\u{e9}", "cafe\u{301}"]), random: &random)
        }
        try await store.tell(events)
        for user in ["007", "7", "caf\u{e9}", "cafe\u{301}"] {
            try await store.set(try UsageSample.budget(.requests, per: .day, 10, of: user, warnings: [10, 50]))
            try await store.tell([try UsageSample.event("today", of: user)])
        }
        let token = UsageHold.Token(
            id: "tokenser", holder: nil, limits: [UsageLimit(.tokens, per: .month, amount: 1000)])
        _ = try await store.reserve(try UsageSample.hold("under-way", of: "007", token: token))
        try await store.addAccessToken(
            AccessTokenRow(
                id: "tokenser", userID: [], label: "caf\u{e9}", secretHash: random.bytes(32), scopes: "gateway",
                providers: "", models: "gpt-*", networks: "", limits: "", createdAt: Sample.time,
                expiresAt: UsageSample.noon, revokedAt: nil, replacedBy: nil, rootKid: 1, rowVersion: 1,
                mac: random.bytes(32), lastUsedAt: nil),
            of: .global, limit: 10, now: Sample.time, event: Sample.event())
    }

    @discardableResult
    func write(replacing: Bool = false) async throws -> BackupManifest {
        try await Backup.write(
            database.store, to: backup, replacing: replacing, keyring: keyring, at: Sample.time)
    }

    func check(_ path: String? = nil) async throws -> VerifiedBackup {
        try await VerifiedBackup(checking: path ?? backup, keyring: keyring)
    }

    /// A new database with what the backup holds.
    func restored(from path: String? = nil) async throws -> TestDatabase {
        let target = try await TestDatabase(migrated: false)
        try await check(path).restore(into: target.store)
        return target
    }
}

/// Every row of every table that is kept: of each value the type that SQLite stored it as, and its bytes.
func allRows(_ database: TestDatabase) throws -> [String] {
    try database.raw { connection in
        try BackupTable.all.flatMap { table in
            let columns = table.columns.map { "typeof(\($0.name)), hex(\($0.name))" }
            let key = table.key.joined(separator: ", ")
            let sql = "SELECT \(columns.joined(separator: ", ")) FROM \(table.name) ORDER BY \(key)"
            return try Row.fetchAll(connection, sql: sql).map { row in
                "\(table.name) \(row.databaseValues.map { String.fromDatabaseValue($0) ?? "" })"
            }
        }
    }
}

/// The lines of a backup, line feeds included.
func backupLines(_ path: String) throws -> [[UInt8]] {
    let reader = try GzipLineReader(try BackupFile(path))
    var lines: [[UInt8]] = []
    while let line = try reader.nextLine({ Array($0) }) { lines.append(line) }
    return lines
}

func writeBackup(_ lines: [[UInt8]], to path: String) throws {
    let file = try PartialFile(for: path, replacing: true)
    let writer = try GzipWriter(descriptor: file.descriptor, path: path)
    for line in lines { try writer.append(line) }
    try writer.finish()
    try file.publish()
}

func parsed(_ line: [UInt8]) throws -> JSONValue { try StrictJSON.parse(line) }

func sha256(_ bytes: [UInt8]) -> [UInt8] { Array(SHA256.hash(data: bytes)) }

func hex(_ bytes: [UInt8]) -> String { String(decoding: Hex.encode(bytes), as: UTF8.self) }
