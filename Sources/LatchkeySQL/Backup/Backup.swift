import Crypto
package import LatchkeyCore
package import LatchkeyCrypto

/// Every row of a database in one compressed file that either database can be restored from. Sealed columns stay sealed.
package enum Backup {
    /// How far the work is, as parts of a whole: for a progress bar.
    package typealias Progress = @Sendable (_ done: Int, _ total: Int) -> Void

    /// Writes a backup of the database as of one moment, while others go on writing.
    ///
    /// - Parameters:
    ///   - path: gets the whole file, mode 0600, or nothing.
    ///   - replacing: whether a file that is there already may be replaced.
    /// - Returns: what it holds.
    /// - Throws: `backup_unusable`, `configuration`, `root_mismatch`, `store_unavailable`; nothing is left behind then.
    package static func write(
        _ store: SQLStore, to path: String, replacing: Bool, keyring: RootKeyring, at time: Timestamp,
        progress: @escaping Progress = { _, _ in }
    ) async throws -> BackupManifest {
        try await requireOwnSchema(store)
        let key = try await signingKey(store, keyring)
        let file = try PartialFile(for: path, replacing: replacing)
        let header = BackupHeader.of(store.driver.dialect, at: time)
        let manifest = try await store.driver.snapshot { snapshot in
            var writer = try BackupWriter(file, header: header, progress: progress)
            return try writer.write(snapshot, signedWith: key)
        }
        try file.publish()
        return manifest
    }

    /// Not an older schema, which lacks columns. Not a newer one either, with which this program may well work on: it
    /// does not know what it would leave out of the backup, or leave empty in a restored database.
    ///
    /// - Throws: `configuration`, `schema_too_new`, `schema_changed`.
    static func requireOwnSchema(_ store: SQLStore) async throws {
        guard try await store.missingMigrations().isEmpty else {
            throw LatchkeyError(
                .configuration, "the database is not migrated to this program's schema",
                hint: "run latchkey migrate, then make the backup")
        }
        let newest = Schema.migrations(store.driver.dialect).last?.version ?? 0
        guard let highest = try await store.driver.appliedMigrations().map(\.version).max(), highest > newest else {
            return
        }
        throw LatchkeyError(
            .schemaTooNew, "the database has schema version \(highest), this program knows \(newest) at most",
            hint: "run the newer latchkey; nothing was written")
    }

    /// The key of the database's primary root. A backup that its own root does not fit is found when it is too late.
    private static func signingKey(_ store: SQLStore, _ keyring: RootKeyring) async throws -> BackupKey {
        let entries = try await store.keyset()
        if !entries.isEmpty { _ = try await KeysetCheck.compare(entries, keyring) }
        let kid = entries.first { $0.state == .primary }?.kid ?? keyring.primary
        guard let root = keyring.root(kid) else {
            throw LatchkeyError(
                .rootMismatch, "root \(kid) is not configured", hint: "add it to API_KEY_ENCRYPTION_SECRET")
        }
        return try await BackupKey(root)
    }
}

/// Writes the lines of one backup into its file.
private struct BackupWriter {
    private static let pageSize = 1000

    private let gzip: GzipWriter
    private let progress: Backup.Progress
    private var digest = SHA256()
    private var line = BackupLine()
    private var done = 0
    private var total = 0

    init(_ file: PartialFile, header: BackupHeader, progress: @escaping Backup.Progress) throws {
        gzip = try GzipWriter(descriptor: file.descriptor, path: file.path)
        self.progress = progress
        header.write(to: &line)
        try putLine()
    }

    mutating func write(_ snapshot: any SQLTransaction, signedWith key: BackupKey) throws -> BackupManifest {
        var counts: [BackupManifest.Count] = []
        for table in BackupTable.all {
            counts.append(BackupManifest.Count(table: table.name, rows: try Self.count(table, in: snapshot)))
        }
        total = counts.reduce(0) { $0 + $1.rows }
        for (table, count) in zip(BackupTable.all, counts) {
            // Both are of one moment. A difference is a row that the order by key does not reach.
            guard try write(table, of: snapshot) == count.rows else {
                throw LatchkeyError(
                    .storeUnavailable, "not every row of \(table.name) could be read",
                    hint: "look for rows of it whose key is NULL")
            }
        }
        let manifest = BackupManifest(
            counts: counts, digest: Array(digest.finalize()), keyset: try Self.kids(snapshot), key: key)
        manifest.write(to: &line)
        try gzip.append(line.bytes)
        try gzip.finish()
        return manifest
    }

    private static func count(_ table: BackupTable, in snapshot: any SQLTransaction) throws -> Int {
        var count: Int64 = 0
        try snapshot.query(table.count, []) { count = $0.integer(0) ?? 0 }
        return Int(clamping: count)
    }

    private static func kids(_ snapshot: any SQLTransaction) throws -> [UInt32] {
        var kids: [UInt32] = []
        try snapshot.query(SettingStatements.selectKeyset, []) { row in
            if let kid = row.integer(0).flatMap({ UInt32(exactly: $0) }) { kids.append(kid) }
        }
        return kids
    }

    /// Page by page: a whole result of PostgreSQL's would be in memory at once.
    private mutating func write(_ table: BackupTable, of snapshot: any SQLTransaction) throws -> Int {
        let keyIndices = table.keyIndices
        let size = SQLValue.integer(Int64(Self.pageSize))
        var rows = 0
        var last: [SQLValue]?
        while true {
            var found = 0
            let values = (last ?? []) + [size]
            try snapshot.query(last == nil ? table.firstPage : table.nextPage, values) { row in
                found += 1
                try write(row, of: table)
                if found == Self.pageSize { last = keyIndices.map { Self.key(row, $0, table.columns[$0].kind) } }
            }
            rows += found
            done += found
            progress(done, total)
            if found < Self.pageSize { return rows }
        }
    }

    /// As what it is: a text of digits is no number, `007` no 7.
    private static func key(_ row: any SQLRow, _ index: Int, _ kind: BackupTable.Column.Kind) -> SQLValue {
        let number = kind == .integer ? row.integer(index) : nil
        return number.map { .integer($0) } ?? row.bytes(index).map { .utf8($0) } ?? .null
    }

    private mutating func write(_ row: any SQLRow, of table: BackupTable) throws {
        line.begin()
        line.object { line in
            line.name(table.name)
            line.object { line in
                for (index, column) in table.columns.enumerated() {
                    line.name(column.name)
                    line.value(row, index, column.kind)
                }
            }
        }
        line.end()
        guard line.bytes.count <= GzipLineReader.longestLine else {
            throw LatchkeyError(
                .storeUnavailable, "a row of \(table.name) is longer than 1 MiB, which no row of ours is",
                hint: "find it in the database and delete it")
        }
        try putLine()
    }

    private mutating func putLine() throws {
        digest.update(data: line.bytes)
        try gzip.append(line.bytes)
    }
}
