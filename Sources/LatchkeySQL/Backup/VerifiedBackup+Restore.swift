import LatchkeyCore
import Synchronization

extension VerifiedBackup {
    /// Puts every row into a database that holds none, in one transaction: whatever goes wrong, the database is empty
    /// afterwards. It is migrated to this program's schema first.
    ///
    /// - Throws: `configuration` when the database is in use; `schema_too_new`, `schema_changed`, `backup_unusable`,
    ///   `store_unavailable`.
    package func restore(
        into store: SQLStore, progress: @escaping Backup.Progress = { _, _ in }
    ) async throws {
        _ = try await store.missingMigrations()
        try await Self.refuseUsed(store)
        try await store.migrate()
        try await Backup.requireOwnSchema(store)
        let dialect = store.driver.dialect
        let place = Mutex<String?>(nil)
        do {
            try await store.driver.transaction(evidence: evidence) { transaction in
                try insertAll(in: transaction, dialect, progress) { rows in place.withLock { $0 = rows } }
            }
        } catch let error as LatchkeyError where error.code == .storeUnavailable {
            guard let rows = place.withLock({ $0 }) else { throw error }
            throw LatchkeyError(
                error.code, "\(error.reason) (at \(rows) of the backup)", hint: error.hint)
        }
    }

    /// A row of the backup in the database, which had none before.
    private var evidence: SQLEvidence? {
        let filled = zip(BackupTable.all(at: header.schema), manifest.counts).first { table, count in
            table != .keyset && count.rows > 0
        }
        return filled.map { SQLEvidence($0.0.any, []) }
    }

    /// - Throws: `configuration` when the database holds anything that a restore would mix with its own.
    package static func refuseUsed(_ store: SQLStore) async throws {
        let applied = Set(try await store.driver.appliedMigrations().map(\.version))
        for table in BackupTable.all where applied.contains(table.since) {
            var isUsed = false
            try await store.driver.query(table.any, []) { _ in isUsed = true }
            if isUsed { try refuse(table) }
        }
    }

    private static func refuse(_ table: BackupTable) throws {
        // The first start of a service writes a keyset, and nothing rests on it while there are no keys: the backup's
        // takes its place.
        guard table != .keyset else { return }
        throw LatchkeyError(
            .configuration, "the database holds rows already, in \(table.name)",
            hint: "name a new database in DATABASE_URL; nothing was changed in this one")
    }

    /// Everything of one transaction. It reads the file from its beginning, so that it can run again.
    private func insertAll(
        in transaction: any SQLTransaction, _ dialect: SQLDialect, _ progress: Backup.Progress,
        at place: (String?) -> Void
    ) throws {
        if let lock = BackupTable.lock(dialect) { try transaction.execute(lock, []) }
        for table in BackupTable.all {
            var isUsed = false
            try transaction.query(table.any, []) { _ in isUsed = true }
            if isUsed { try Self.refuse(table) }
        }
        try transaction.execute(BackupTable.emptyKeyset, [])
        var reader = try BackupReader(file)
        var rows = BackupRows()
        var done = 0
        while let row = try reader.next() {
            try rows.add(row, to: transaction, at: place)
            done += 1
            if done % 1000 == 0 { progress(done, manifest.rows) }
        }
        try rows.insert(into: transaction, at: place)
        place(nil)
        guard reader.manifest == manifest else { throw BackupError.changedMeanwhile }
        for table in BackupTable.all {
            if let statement = table.afterInsert(dialect) { try transaction.query(statement, []) { _ in } }
        }
        progress(done, manifest.rows)
    }
}

/// Rows of one table, gathered until there are enough for one statement.
private struct BackupRows {
    private static let most = 100

    private var table: BackupReader.Table?
    private var values: [SQLValue] = []
    private var count = 0
    /// How many rows of the table went before.
    private var inserted = 0

    mutating func add(_ row: BackupReader.Row, to transaction: any SQLTransaction, at place: (String?) -> Void) throws {
        if table?.table != row.table.table {
            try insert(into: transaction, at: place)
            table = row.table
            inserted = 0
        }
        values += row.values
        count += 1
        if count == Self.most { try insert(into: transaction, at: place) }
    }

    mutating func insert(into transaction: any SQLTransaction, at place: (String?) -> Void) throws {
        guard let table, count > 0 else { return }
        place("rows \(inserted + 1) to \(inserted + count) of \(table.table.name)")
        // Two statements a table: each is prepared once, and a connection keeps what it has prepared.
        let size = count == Self.most ? Self.most : 1
        let statement = table.table.insert(table.columns, rows: size)
        let width = table.columns.count * size
        for start in stride(from: 0, to: values.count, by: width) {
            guard try transaction.execute(statement, Array(values[start..<start + width])) == size else {
                throw LatchkeyError(.storeUnavailable, "the database did not take every row")
            }
        }
        inserted += count
        count = 0
        values.removeAll(keepingCapacity: true)
    }
}
