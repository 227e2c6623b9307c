import ArgumentParser
import LatchkeyCore
import LatchkeyServer

struct TokenCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "token",
        abstract: "Print one JWT and nothing else, for trying things out.",
        discussion: """
            Signed with JWT_SECRET_KEY, as the app's own login would. After `make run`:

              JWT_SECRET_KEY=file:.latchkey/jwt-secret latchkey token --user demo
            """)

    @Option(help: "The user id the token is for.")
    var user: String

    @Option(help: ArgumentHelp("A role, such as admin; may be given several times.", valueName: "role"))
    var role: [String] = []

    @Option(help: "How long it is good for, in minutes; JWT_EXPIRATION_MINUTES if not given.")
    var minutes: Int64?

    @OptionGroup var common: CommonOptions

    func validate() throws {
        if let minutes, !(1...52_560_000).contains(minutes) { throw ValidationError("--minutes is 1 to 52560000") }
    }

    func run() async throws {
        try await reporting {
            let settings = try await common.settings()
            let rules = try Identity.rules(settings)
            guard rules.algorithm.hasPrefix("HS") else {
                throw LatchkeyError(
                    .configuration, "tokens are signed by somebody else here (JWT_ALGORITHM is \(rules.algorithm))",
                    hint: "ask the app's login for a token")
            }
            let keys = try await Identity.keys(settings, algorithm: rules.algorithm)
            Console.print(
                try TokenMint.mint(
                    user: user, roles: role, minutes: minutes ?? rules.expirationMinutes, rules: rules, keys: keys,
                    clock: .system, keyID: settings[.jwtKeyID]))
        }
    }
}
