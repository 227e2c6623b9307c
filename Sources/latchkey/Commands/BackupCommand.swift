import ArgumentParser
import LatchkeyCore
import LatchkeyCrypto
import LatchkeySQL

struct BackupCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "backup",
        abstract: "Write every row of the database to one file, keys sealed; or check such a file.",
        discussion: """
            The service may run meanwhile: the backup is of one moment. The file is compressed (zcat shows it), for its owner \
            alone, and there whole or not at all. Keys in it stay sealed, so it is worth nothing without the root: keep that \
            too, in another place.

              latchkey backup latchkey-backup.gz
              latchkey backup verify latchkey-backup.gz
              DATABASE_URL=postgresql://… latchkey restore latchkey-backup.gz
            """,
        subcommands: [Create.self, Verify.self], defaultSubcommand: Create.self)

    struct Create: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "create", abstract: "Write a backup. The word may be left out.")

        @Argument(help: "The file to write.")
        var file: String
        @Flag(help: "Replace the file if it is there.")
        var force = false
        @OptionGroup var common: CommonOptions

        func run() async throws {
            try await reporting {
                ProcessHardening.apply()
                let settings = try await common.settings()
                let keyring = try Node.keyring(settings)
                guard let driver = try await Node.inspectDatabase(settings) else {
                    throw LatchkeyError(
                        .configuration, "there is no database yet",
                        hint: "check DATABASE_URL, and the folder this is run in"
                    )
                }
                do { try await write(SQLStore(driver: driver), keyring) } catch {
                    await driver.close()
                    throw error
                }
                await driver.close()
            }
        }

        private func write(_ store: SQLStore, _ keyring: RootKeyring) async throws {
            let began = ContinuousClock.now
            let manifest = try await SharedProgress("backup").during { progress in
                try await Backup.write(
                    store, to: file, replacing: force, keyring: keyring, at: WallClock.system.now()
                ) { progress.report($0, of: $1) }
            }
            BackupReport.print(manifest)
            Console.print("\(file): \(BackupReport.pace(manifest.rows, since: began))")
        }
    }

    struct Verify: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Open every key of a backup in memory and count those that open; no key is shown.",
            discussion: """
                Needs the root and the file, no database. Exit code 0 when the file is undamaged and every key opens, 1 when \
                one does not, 2 when the file or the root is not usable.
                """)

        @Argument(help: "The backup.")
        var file: String
        @OptionGroup var common: CommonOptions

        func run() async throws {
            try await reporting {
                ProcessHardening.apply()
                let keyring = try Node.keyring(try await common.settings())
                let began = ContinuousClock.now
                let (backup, records) = try await SharedProgress("verify").during { progress in
                    try await VerifiedBackup.openingRecords(of: file, keyring: keyring) { progress.report($0, of: $1) }
                }
                BackupReport.print(records)
                Console.print("\(file): made \(BackupReport.origin(backup))")
                Console.print("\(file): \(BackupReport.pace(backup.manifest.rows, since: began))")
                if records.readable != records.total { throw ExitCode(1) }
            }
        }
    }
}

/// What the commands on backups say at their end.
enum BackupReport {
    static func print(_ manifest: BackupManifest) {
        let width = manifest.counts.map(\.table.count).max() ?? 0
        for count in manifest.counts {
            let padding = String(repeating: " ", count: width - count.table.count)
            Console.print("\(count.table)\(padding)  \(count.rows)")
        }
    }

    static func print(_ records: BackupRecords) {
        Console.print("\(records.readable) of \(records.total) keys readable")
        let causes = records.unreadable.map { cause, count in (text(cause), count) }.sorted { $0 < $1 }
        for (text, count) in causes { Console.print("\(text)  \(count) not readable") }
    }

    private static func text(_ cause: BackupRecords.Unreadable) -> String {
        let root = cause.missingRoot.map { "  under root \($0), which is not configured," } ?? ""
        return "\(cause.table)  \(cause.provider ?? "(a row that cannot be read)")\(root)"
    }

    static func origin(_ backup: VerifiedBackup) -> String {
        "\(backup.header.createdAt) of \(backup.header.origin), schema \(backup.header.schema), root \(backup.manifest.kid)"
    }

    /// `100003 rows in 2.9 s, 34484 rows/s`
    static func pace(_ rows: Int, since began: ContinuousClock.Instant) -> String {
        let taken = began.duration(to: .now)
        let seconds = Double(taken.components.seconds) + Double(taken.components.attoseconds) / 1e18
        let tenths = Int((seconds * 10).rounded())
        let pace = Int((Double(rows) / max(seconds, 0.000_001)).rounded())
        return "\(rows) rows in \(tenths / 10).\(tenths % 10) s, \(pace) rows/s"
    }
}
