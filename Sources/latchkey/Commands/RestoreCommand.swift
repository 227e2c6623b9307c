import ArgumentParser
import LatchkeyCore
import LatchkeyCrypto
import LatchkeySQL

struct RestoreCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "restore",
        abstract: "Put a backup into an empty database.",
        discussion: """
            Works on DATABASE_URL, SQLite or PostgreSQL, whichever the backup was made of: this is how one moves from the one \
            to the other. The whole file is checked first, against damage and against the configured root. Everything is \
            written in one transaction; a database that holds keys or events already is refused and left alone. Stop the \
            service on it first.

              DATABASE_URL=postgresql://… latchkey restore latchkey-backup.gz
            """)

    @Argument(help: "The backup.")
    var file: String

    @OptionGroup var common: CommonOptions

    func run() async throws {
        try await reporting {
            ProcessHardening.apply()
            let settings = try await common.settings()
            let keyring = try Node.keyring(settings)
            try await refuseUsed(settings)
            let backup = try await SharedProgress("check").during { progress in
                try await VerifiedBackup(checking: file, keyring: keyring) { progress.report($0, of: $1) }
            }
            Console.print("\(file): undamaged, made \(BackupReport.origin(backup))")
            let driver = try await Node.openDatabase(settings)
            do { try await restore(backup, into: SQLStore(driver: driver)) } catch {
                await driver.close()
                throw error
            }
            await driver.close()
        }
    }

    /// Before anything long: most who name the wrong database learn it at once. Not a byte of it is changed.
    private func refuseUsed(_ settings: Settings) async throws {
        guard let driver = try await Node.inspectDatabase(settings) else { return }
        do {
            let store = SQLStore(driver: driver)
            _ = try await store.missingMigrations()
            try await VerifiedBackup.refuseUsed(store)
        } catch {
            await driver.close()
            throw error
        }
        await driver.close()
    }

    private func restore(_ backup: VerifiedBackup, into store: SQLStore) async throws {
        let began = ContinuousClock.now
        try await SharedProgress("restore").during { progress in
            try await backup.restore(into: store) { progress.report($0, of: $1) }
        }
        BackupReport.print(backup.manifest)
        Console.print("restored: \(BackupReport.pace(backup.manifest.rows, since: began))")
    }
}
