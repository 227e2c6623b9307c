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

    @Option(
        help: ArgumentHelp(
            "PostgreSQL: let this database role run the service, and no more than that.", valueName: "role"))
    var grant: String?

    @OptionGroup var common: CommonOptions

    func run() async throws {
        try await reporting {
            ProcessHardening.apply()
            let settings = try await common.settings()
            // Refused here, a database stays as it is to the byte.
            let inspected = try await Node.inspectDatabase(settings)
            let missing = try await missingMigrations(inspected)
            await inspected?.close()
            if dryRun { return say(missing) }
            let driver = try await Node.openDatabase(settings)
            do { try await migrate(driver) } catch {
                await driver.close()
                throw error
            }
            await driver.close()
        }
    }

    private func missingMigrations(_ driver: (any SQLDriver)?) async throws -> [Migration]? {
        guard let driver else { return nil }
        do { return try await SQLStore(driver: driver).missingMigrations() } catch {
            await driver.close()
            throw error
        }
    }

    private func say(_ missing: [Migration]?) {
        guard let missing else { return Console.print("there is no database yet; migrate makes it") }
        for migration in missing { Console.print("would run \(migration.version): \(migration.name)") }
        if missing.isEmpty { Console.print("nothing to do") }
    }

    private func migrate(_ driver: any SQLDriver) async throws {
        let run = try await SQLStore(driver: driver).migrate()
        for migration in run { Console.print("ran \(migration.version): \(migration.name)") }
        if run.isEmpty { Console.print("nothing to do: the database is up to date") }
        guard let grant else { return }
        guard let driver = driver as? PostgreSQLDriver else {
            throw LatchkeyError(
                .configuration, "--grant is given and DATABASE_URL names a SQLite file, which has no roles",
                hint: "leave it out")
        }
        try await driver.grant(to: grant)
        Console.print("\(grant) may run the service")
    }
}
