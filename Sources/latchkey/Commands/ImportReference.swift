import ArgumentParser
import LatchkeyCore
import LatchkeyCrypto
import LatchkeyImport
import LatchkeySQL

extension ImportCommand {
    struct Reference: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Store the users' keys of a reference system's table user_api_keys.",
            discussion: """
                Reads the Fernet tokens of another system's table (id, user_id, provider, encrypted_key), opens them and seals \
                them anew. The table is only read.

                  export OLD_SECRET=file:old-secret OLD_URL=postgresql://…
                  latchkey import reference --from-env OLD_URL --secret-env OLD_SECRET \\
                    --dry-run
                  latchkey import reference --from-env OLD_URL --secret-env OLD_SECRET \\
                    --derivation sha256

                --dry-run tries every way of making a Fernet key that is known here on a few rows, and says which one opens \
                them. These are:

                \(FernetDerivation.builtIn.map { "  \($0.name.padded(to: 30))\($0.summary)" }.joined(separator: "\n"))

                Any other is a program's path: it is started once, is given {"user_id":"…"} a line, and answers each with a \
                Fernet key.
                """)

        @Option(
            name: .customLong("from"),
            help: ArgumentHelp(
                "The old database: postgresql://… or sqlite:PATH. A password in it can be seen by every user of the machine.",
                valueName: "url"))
        var fromURL: String?
        @Option(
            name: .customLong("from-env"),
            help: ArgumentHelp("The environment variable that holds that URL, or file:PATH.", valueName: "name"))
        var fromVariable: String?
        @Option(help: "The table, or SCHEMA.TABLE.")
        var table = "user_api_keys"
        @Option(
            help: ArgumentHelp(
                "The environment variable that holds the old system's secret, or file:PATH.", valueName: "name"))
        var secretEnv: String?
        @Option(help: ArgumentHelp("How the secret becomes a Fernet key.", valueName: "name"))
        var derivation: String?
        @Option(
            help:
                "For pbkdf2 and hkdf: the salt. {user_id} stands for the user's id; sha256:TEXT for SHA-256(TEXT)[:16]."
        )
        var salt: String?
        @Option(help: "For hkdf: the info. {user_id} stands for the user's id.")
        var info: String?
        @Option(help: "For pbkdf2: the number of iterations.")
        var iterations: Int?
        @Flag(help: "User ids of 32 hexadecimal digits are UUIDs: write them with hyphens.")
        var uuid = false
        @Flag(help: "Try the derivations on a few rows; no database of Latchkey's is opened and nothing is written.")
        var dryRun = false
        @Option(help: "On how many rows --dry-run tries them.")
        var sample = 20
        @OptionGroup var providers: ProviderMapOption
        @OptionGroup var options: ImportOptions

        func run() async throws {
            try await reporting {
                ProcessHardening.apply()
                let settings = try await options.common.settings()
                let names = try providers.names(try Node.catalogue(settings))
                let secret = try secretEnv.map { try ImportSecret.read($0, settings, for: "the old system's secret") }
                let chosen = try derivation.map { try FernetDerivation(named: $0, settings: derivationSettings) }
                let url = try url(settings)
                if !dryRun, chosen == nil {
                    throw LatchkeyError(
                        .configuration, "it is not said how the secret becomes a Fernet key",
                        hint: "--derivation NAME; --dry-run finds out which")
                }
                let source = try await ReferenceDatabase.open(url, table: table)
                do { try await run(source, chosen, secret, names, settings) } catch {
                    await source.close()
                    throw error
                }
                await source.close()
            }
        }

        private var derivationSettings: FernetDerivation.Settings {
            FernetDerivation.Settings(salt: salt, info: info, iterations: iterations)
        }

        private var userIDs: UserIDForm { uuid ? .uuid : .asStored }

        /// - Throws: `configuration` when there is none, or it is Latchkey's own.
        private func url(_ settings: Settings) throws -> String {
            let url: String
            switch (fromURL, fromVariable) {
            case (let given?, nil):
                url = given
                if ReferenceDatabase.hasPassword(given) {
                    Console.note(
                        "latchkey: warning: every user of this machine can see the password in --from (ps): "
                            + "use --from-env, PGPASSWORD or ~/.pgpass")
                }
            case (nil, let name?):
                url = try ImportSecret.read(name, settings, for: "the old database's URL").secret.withUnsafeBytes {
                    String(decoding: $0, as: UTF8.self)
                }
            default:
                throw LatchkeyError(
                    .configuration, "either --from or --from-env is needed, and not both",
                    hint: "--from-env NAME names the environment variable that holds the old database's URL")
            }
            if table == KeyTable.user.rawValue, ReferenceDatabase.isSame(url, try Self.ours(settings)) {
                throw LatchkeyError(
                    .configuration, "the table to read is Latchkey's own, in the database of DATABASE_URL",
                    hint: "give Latchkey a database of its own; or rename the old table first, and name it with --table"
                )
            }
            return url
        }

        private static func ours(_ settings: Settings) throws -> String {
            switch try Node.databaseURL(settings) {
            case .sqlite(let path): "sqlite:\(path)"
            case .postgresql(let url): url
            }
        }

        private func run(
            _ source: SQLReferenceSource, _ chosen: FernetDerivation?, _ secret: SharedSecret?,
            _ names: ProviderNames, _ settings: Settings
        ) async throws {
            if dryRun { return try await tryOut(source, chosen, secret, names) }
            guard let chosen else { return }
            let deriver = try KeyDeriver(chosen, secret: secret, variable: secretEnv)
            defer { deriver.close() }
            let rows = try await ReferenceImport(
                source: source, deriver: deriver, providers: names, userIDs: userIDs)
            try await ImportRun(options, settings, isDryRun: false, opens: true).run(rows)
        }
    }
}

// Trying out
extension ImportCommand.Reference {
    private func tryOut(
        _ source: SQLReferenceSource, _ chosen: FernetDerivation?, _ secret: SharedSecret?, _ names: ProviderNames
    ) async throws {
        let program = chosen.flatMap { $0.needsSecret ? nil : $0 }
        guard secret != nil || program != nil else {
            throw LatchkeyError(
                .configuration, "there is nothing to try without the old system's secret",
                hint: "--secret-env NAME names the environment variable that holds it")
        }
        let trial = try await DerivationTrial(source: source, sample: sample, userIDs: userIDs)
        guard trial.sampled > 0 else {
            Console.print("the table \(table) has no rows with a token")
            return
        }
        try await showProviders(source, names)
        let candidates = FernetDerivation.candidates(derivationSettings, program: program)
        let scores = try await trial.run(
            secret == nil ? candidates.filter { !$0.needsSecret } : candidates, secret: secret, variable: secretEnv)
        Console.print("\("derivation".padded(to: 48))opened")
        for score in scores {
            Console.print("\(Self.spelled(score.derivation).padded(to: 48))\(score.opened) of \(score.tried)")
        }
        guard let best = scores.first, best.opened > 0 else {
            throw LatchkeyError(
                .configuration, "no derivation opens any of the \(trial.sampled) rows that were tried",
                hint: "check the secret; a derivation that is not listed can be given as a program (docs/import.md)")
        }
        if best.opened < best.tried {
            Console.print(
                "\(best.tried - best.opened) of the tried rows do not open that way; an import would report them")
        }
        Console.print("use: --derivation \(Self.spelled(best.derivation))")
    }

    private static func spelled(_ derivation: FernetDerivation) -> String {
        derivation.options.isEmpty ? derivation.name : "\(derivation.name) \(derivation.options)"
    }

    /// What each of the table's providers would become.
    private func showProviders(_ source: SQLReferenceSource, _ names: ProviderNames) async throws {
        for (name, rows) in try await source.providers(limit: 100) {
            let shown = ImportItem(place: "", user: "", provider: name).provider
            let target =
                names.provider(name).map { "-> \($0.text)" } ?? "not in the catalogue: --provider-map \(shown)=ID"
            Console.print("\(rows) rows of \(shown) \(target)")
        }
        Console.print("")
    }
}

extension String {
    fileprivate func padded(to width: Int) -> String {
        count < width ? self + String(repeating: " ", count: width - count) : self + " "
    }
}
