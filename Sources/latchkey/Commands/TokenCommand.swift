import ArgumentParser
import LatchkeyCore
import LatchkeyServer

struct TokenCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "token",
        abstract: "Print one JWT and nothing else, for trying things out; or open Latchkey's pages as its user.",
        discussion: """
            Signed with JWT_SECRET_KEY, as the app's own login would. After `make run`:

              JWT_SECRET_KEY=file:.latchkey/jwt-secret latchkey token --user demo
              JWT_SECRET_KEY=file:.latchkey/jwt-secret latchkey token --user demo --open

            With --open the running service is asked for a link that signs a browser in, once and within a minute. It is \
            opened in the browser; where there is none, or the output is no terminal, it is printed.
            """)

    @Option(help: "The user id the token is for.")
    var user: String

    @Option(help: ArgumentHelp("A role, such as admin; may be given several times.", valueName: "role"))
    var role: [String] = []

    @Option(help: "How long it is good for, in minutes; JWT_EXPIRATION_MINUTES if not given.")
    var minutes: Int64?

    @Flag(help: "Sign the browser in to Latchkey's pages instead.")
    var open = false

    @Flag(help: "Print the link that does, and open nothing.")
    var printLink = false

    @Option(help: ArgumentHelp("Where the running service is, with --open.", valueName: "address"))
    var url = Self.usualAddress

    private static let usualAddress = "http://127.0.0.1:8080"

    @OptionGroup var common: CommonOptions

    func validate() throws {
        if let minutes, !(1...52_560_000).contains(minutes) { throw ValidationError("--minutes is 1 to 52560000") }
        if minutes != nil, isForBrowser {
            throw ValidationError("--minutes is for a token that is printed; LATCHKEY_SESSION_MINUTES is for browsers")
        }
        if url != Self.usualAddress, !isForBrowser { throw ValidationError("--url goes with --open or --print-link") }
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
            // For a link it is shown once, at once, and then thrown away.
            let minutes = isForBrowser ? 1 : minutes ?? rules.expirationMinutes
            let token = try TokenMint.mint(
                user: user, roles: role, minutes: minutes, rules: rules, keys: keys, clock: .system,
                keyID: settings[.jwtKeyID])
            guard isForBrowser else { return Console.print(token) }
            show(try await SignInLink(service: url).ask(token: token))
        }
    }

    private var isForBrowser: Bool { open || printLink }

    private func show(_ link: String) {
        if !printLink, Console.isOutputTerminal, WebBrowser.open(link) {
            return Console.note("opened in the browser; the link was good for a minute, and once")
        }
        Console.print(link)
        Console.note("open it within a minute; it is good once")
    }
}
