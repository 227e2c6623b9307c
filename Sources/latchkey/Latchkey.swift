import ArgumentParser

/// The one executable.
@main
struct Latchkey: AsyncParsableCommand {
    static let version = "0.1.0"

    static let configuration = CommandConfiguration(
        commandName: "latchkey",
        abstract: "Keeps each user's own AI provider keys: sealed, checked, resolved.",
        discussion: """
            First steps:
              latchkey serve --quickstart .latchkey     make secrets once, serve on 127.0.0.1:8080, print what to try
              latchkey doctor                           check the configuration and the database

            Settings come from the environment, or from a file with --config; docs/configuration.md lists them.
            """,
        version: version,
        subcommands: [
            ServeCommand.self, MigrateCommand.self, SecretCommand.self, TokenCommand.self, DoctorCommand.self,
            KeysCommand.self, AccessTokenCommand.self, UsageCommand.self, BudgetCommand.self, PricesCommand.self,
            ImportCommand.self, BackupCommand.self, RestoreCommand.self,
        ])
}
