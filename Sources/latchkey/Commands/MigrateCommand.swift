import ArgumentParser
import LatchkeyCore
import LatchkeyCrypto
import LatchkeySQL

struct MigrateCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "migrate",
        abstract: "Bring the database to this program's schema. `serve` does it too.",
        discussion: "Works on DATABASE_URL. A database that a newer latchkey has migrated is refused and left alone.")

    @Flag(help: "Only say what would be run.")
    var dryRun = false

    @OptionGroup var common: CommonOptions

    func run() async throws {
        try await reporting {
            ProcessHardening.apply()
            let settings = try await common.settings()
            if dryRun {
                guard let driver = try Node.inspectDatabase(settings) else {
                    return Console.print("there is no database yet; migrate makes it")
                }
                let missing = try await SQLStore(driver: driver).missingMigrations()
                for migration in missing { Console.print("would run \(migration.version): \(migration.name)") }
                if missing.isEmpty { Console.print("nothing to do") }
                return
            }
            if let driver = try Node.inspectDatabase(settings) {
                // Refused here, a database stays as it is to the byte.
                _ = try await SQLStore(driver: driver).missingMigrations()
            }
            let driver = try Node.openDatabase(settings)
            let run = try await SQLStore(driver: driver).migrate()
            for migration in run { Console.print("ran \(migration.version): \(migration.name)") }
            if run.isEmpty { Console.print("nothing to do: the database is up to date") }
            try? driver.close()
        }
    }
}
