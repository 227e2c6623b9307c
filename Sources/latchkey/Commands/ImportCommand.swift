import ArgumentParser

struct ImportCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "import", abstract: "Bring keys from elsewhere.",
        discussion: """
            Each of them can be run again: a key that is stored already is left as it is. None prints a key. docs/import.md \
            has the details.
            """,
        subcommands: [Global.self, Reference.self, Env.self, CSV.self, LibreChat.self])
}
