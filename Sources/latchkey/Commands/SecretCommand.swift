import ArgumentParser
import LatchkeyCrypto

struct SecretCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "secret", abstract: "Make roots.", subcommands: [Generate.self])

    struct Generate: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Print one root and nothing else.",
            discussion: """
                Everything that is stored is sealed under it: keep a copy where the database is not.

                  umask 077; latchkey secret generate > root
                  API_KEY_ENCRYPTION_SECRET=file:root latchkey serve
                """)

        @Option(help: "The root's number; a second root for the same database needs another one.")
        var kid: UInt32 = 1

        func validate() throws {
            guard kid >= 1 else { throw ValidationError("--kid is 1 or more") }
        }

        func run() async throws {
            Console.print(RootText.generate(kid: kid).withUnsafeBytes { String(decoding: $0, as: UTF8.self) })
        }
    }
}
