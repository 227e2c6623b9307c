import ArgumentParser
import LatchkeyCore
import LatchkeyCrypto
import LatchkeyImport

/// Opens a file with keys in it, and says so when others can read it.
private func openInput(_ path: String) throws -> InputFile {
    let file = try InputFile(path: path)
    if let warning = file.warning { Console.note("latchkey: warning: \(warning)") }
    return file
}

extension ImportCommand {
    struct Env: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Store the keys of a .env file.",
            discussion: """
                Variables that the provider catalogue knows, such as OPENAI_API_KEY, become global keys, or with --user that \
                user's own. The others are named and left alone. Nothing in the file is run or expanded.
                """)

        @Argument(help: "The file.")
        var file: String
        @Option(help: "Store them as this user's own keys.")
        var user: String?
        @Flag(help: "Only say what would be stored; no database is opened.")
        var dryRun = false
        @OptionGroup var options: ImportOptions

        func run() async throws {
            try await reporting {
                ProcessHardening.apply()
                let settings = try await options.common.settings()
                let owner = try user.map { KeyOwner.user(try UserID($0)) } ?? .global
                let source = try DotenvImport(
                    file: try openInput(file), owner: owner, catalogue: try Node.catalogue(settings))
                for (name, reason) in source.skipped { Console.print("\(name)  skipped: \(reason)") }
                if !source.unknownNames.isEmpty {
                    Console.print("skipped, no provider has them: \(source.unknownNames.joined(separator: ", "))")
                }
                try await ImportRun(options, settings, isDryRun: dryRun, opens: false).run(source)
            }
        }
    }

    struct CSV: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "csv", abstract: "Store the keys of a CSV file.",
            discussion: """
                The first line names the columns: user_id, provider, api_key, and any of name, label, base_url, expires_at, \
                field:NAME. RFC 4180: commas, quotes around fields that hold one. A line that cannot be used is reported with \
                its number and the others are stored.
                """)

        @Argument(help: "The file.")
        var file: String
        @Flag(help: "Only say what would be stored; no database is opened.")
        var dryRun = false
        @OptionGroup var providers: ProviderMapOption
        @OptionGroup var options: ImportOptions

        func run() async throws {
            try await reporting {
                ProcessHardening.apply()
                let settings = try await options.common.settings()
                let names = try providers.names(try Node.catalogue(settings))
                let source = try CSVImport(file: try openInput(file), providers: names)
                try await ImportRun(options, settings, isDryRun: dryRun, opens: false).run(source)
            }
        }
    }

    struct LibreChat: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "librechat", abstract: "Store the users' keys of a LibreChat.",
            discussion: """
                The file is what mongoexport makes of LibreChat's collection "keys", one document a line or an array:

                  mongoexport --uri "$MONGO_URI" --collection keys --out keys.json
                  CREDS_KEY=file:creds-key CREDS_IV=file:creds-iv latchkey import librechat keys.json

                CREDS_KEY and CREDS_IV are LibreChat's own settings, read from the environment: the value, or file:PATH.
                """)

        @Argument(help: "The file.")
        var file: String
        @Flag(help: "Only say what would be stored; no database is opened.")
        var dryRun = false
        @OptionGroup var providers: ProviderMapOption
        @OptionGroup var options: ImportOptions

        func run() async throws {
            try await reporting {
                ProcessHardening.apply()
                let settings = try await options.common.settings()
                let names = try providers.names(try Node.catalogue(settings))
                let key = try ImportSecret.read("CREDS_KEY", settings, for: "LibreChat's key")
                let cipher = try LibreChatCipher(key: key.secret, iv: try ImportSecret.find("CREDS_IV", settings))
                let source = try LibreChatImport(file: try openInput(file), cipher: cipher, providers: names)
                try await ImportRun(options, settings, isDryRun: dryRun, opens: true).run(source)
            }
        }
    }
}
