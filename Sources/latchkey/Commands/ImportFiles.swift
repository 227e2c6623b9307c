import ArgumentParser
import LatchkeyCore
import LatchkeyCrypto
import LatchkeyImport

/// The file that keys are read from.
struct SourceFileOptions: ParsableArguments {
    @Argument(help: "The file.")
    var file: String
    @Flag(help: "Only say what would be stored; no database is opened.")
    var dryRun = false

    /// Opens it, and says so when others can read it.
    func open() throws -> InputFile {
        let input = try InputFile(path: file)
        if let warning = input.warning { Console.note("latchkey: warning: \(warning)") }
        return input
    }
}

extension ImportCommand {
    struct Env: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Store the keys of a .env file.",
            discussion: """
                Variables that the provider catalogue knows, such as OPENAI_API_KEY, become global keys, or with --user that \
                user's own. The others are named and left alone. Nothing in the file is run or expanded.
                """)

        @OptionGroup var source: SourceFileOptions
        @Option(help: "Store them as this user's own keys.")
        var user: String?
        @OptionGroup var options: ImportOptions

        func run() async throws {
            try await reporting {
                ProcessHardening.apply()
                let settings = try await options.common.settings()
                let owner = try user.map { KeyOwner.user(try UserID($0)) } ?? .global
                let keys = try DotenvImport(
                    file: try source.open(), owner: owner, catalogue: try Node.catalogue(settings))
                for (name, reason) in keys.skipped { Console.print("\(name)  skipped: \(reason)") }
                if !keys.unknownNames.isEmpty {
                    Console.print("skipped, no provider has them: \(keys.unknownNames.joined(separator: ", "))")
                }
                try await ImportRun(options, settings, isDryRun: source.dryRun, opens: false).run(keys)
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

        @OptionGroup var source: SourceFileOptions
        @OptionGroup var providers: ProviderMapOption
        @OptionGroup var options: ImportOptions

        func run() async throws {
            try await reporting {
                ProcessHardening.apply()
                let settings = try await options.common.settings()
                let names = try providers.names(try Node.catalogue(settings))
                let keys = try CSVImport(file: try source.open(), providers: names)
                try await ImportRun(options, settings, isDryRun: source.dryRun, opens: false).run(keys)
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

        @OptionGroup var source: SourceFileOptions
        @OptionGroup var providers: ProviderMapOption
        @OptionGroup var options: ImportOptions

        func run() async throws {
            try await reporting {
                ProcessHardening.apply()
                let settings = try await options.common.settings()
                let names = try providers.names(try Node.catalogue(settings))
                let key = try ImportSecret.read("CREDS_KEY", settings, for: "LibreChat's key")
                let cipher = try LibreChatCipher(key: key.secret, iv: try ImportSecret.find("CREDS_IV", settings))
                let keys = try LibreChatImport(file: try source.open(), cipher: cipher, providers: names)
                try await ImportRun(options, settings, isDryRun: source.dryRun, opens: true).run(keys)
            }
        }
    }
}
