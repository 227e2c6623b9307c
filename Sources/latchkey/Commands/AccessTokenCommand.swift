import ArgumentParser
import LatchkeyCore
import LatchkeyCrypto
import Logging

struct AccessTokenCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "access-token",
        abstract: "Tokens that let a program use keys, within limits: made, listed, revoked, rolled.",
        discussion: """
            A token lk_<id>_<secret> is shown once, on standard output, and kept as a keyed hash. What it may do is fixed when \
            it is made. Scopes: gateway (calls through the gateway), resolve (keys handed out), status (which keys there are, \
            and usage), manage (keys set, checked and deleted). A user's token is for that user's own keys; a service's token \
            names a user with each call. Works on the database directly, also while the service runs, which takes notice \
            within a second.

              latchkey access-token create --service --scope resolve --label backend > token.txt
              latchkey access-token create --user alice --scope gateway --provider openai --model 'gpt-*' \\
                --expires 30d --limit money/day=5.00 --limit requests/minute=60 --network 10.0.0.0/8
              latchkey access-token list --user alice
              latchkey access-token roll ID --service --overlap 2h > token.txt
              latchkey access-token revoke ID --user alice
            """,
        subcommands: [Create.self, List.self, Revoke.self, Roll.self])
}

/// Whose tokens.
struct AccessTokenOwner: ParsableArguments {
    @Option(help: "A user's id, exactly as the app's tokens have it.")
    var user: String?

    @Flag(help: "The app's own back end, in place of a user.")
    var service = false

    @OptionGroup var common: CommonOptions

    func validate() throws {
        guard (user != nil) != service else { throw ValidationError("name one: --user ID or --service") }
    }

    func owner() throws -> KeyOwner { try user.map { .user(try UserID($0)) } ?? .global }

    /// Opens the node, does the work, closes it whatever happened.
    func withTokens(_ body: (AccessTokens, KeyOwner) async throws -> Void) async throws {
        try await reporting {
            ProcessHardening.apply()
            let owner = try owner()
            let node = try await Node.open(try await common.settings())
            let logger = Logger(label: "latchkey") { _ in SwiftLogNoOpLogHandler() }
            do { try await body(AccessTokens(store: node.store, vault: node.vault, logger: logger), owner) } catch {
                await node.close()
                throw error
            }
            await node.close()
        }
    }
}

/// The token alone on standard output, what is to be known of it on standard error.
private func show(_ made: AccessTokens.Made, _ note: String) {
    made.text.secret.withUnsafeBytes { Console.print(String(decoding: $0, as: UTF8.self)) }
    Console.note(note)
    Console.note("latchkey: this is the only time it is shown; its id is \(made.row.id)")
}

extension AccessTokenCommand {
    struct Create: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Make a token and print it, once.")

        @OptionGroup var owner: AccessTokenOwner
        @Option(help: "What it may do: gateway, resolve, status or manage; may be given several times.")
        var scope: [String] = []
        @Option(help: "A text to know it by.")
        var label = ""
        @Option(help: "Only this provider; may be given several times. Without it: every provider.")
        var provider: [String] = []
        @Option(help: "Only this model, or names that begin so: 'gpt-*'; may be given several times.")
        var model: [String] = []
        @Option(help: "Only from this network, such as 10.0.0.0/8; may be given several times.")
        var network: [String] = []
        @Option(help: "At most so much: money/day=5.00 (dollars), tokens/month=1000000, requests/minute=60.")
        var limit: [String] = []
        @Option(help: "For how long it works: 30d, 12h, 45m. Without it: until it is revoked.")
        var expires: String?

        func run() async throws {
            try await owner.withTokens { tokens, owner in
                let now = tokens.vault.clock.now()
                let request = AccessTokenRequest(
                    label: label, scopes: try AccessTokenWords.scopes(scope),
                    providers: try AccessTokenWords.providers(provider, tokens.vault.catalogue),
                    models: model, networks: try AccessTokenWords.networks(network),
                    limits: try limit.map(AccessTokenWords.limit),
                    expiresAt: try expires.map { now.advanced(bySeconds: try AccessTokenWords.seconds($0)) })
                let made = try await tokens.create(request, of: owner, by: Caller(.cli))
                show(made, "latchkey: \(AccessTokenWords.line(try await tokens.listed(made.row, of: owner)))")
            }
        }
    }

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Show the tokens there are; never a secret.")

        @OptionGroup var owner: AccessTokenOwner

        func run() async throws {
            try await owner.withTokens { tokens, owner in
                let listed = try await tokens.list(of: owner)
                if listed.isEmpty { Console.note("there are no access tokens") }
                for token in listed { Console.print(AccessTokenWords.line(token)) }
            }
        }
    }

    struct Revoke: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Make a token useless, within a second everywhere.")

        @Argument(help: "The token's id: the part between lk_ and the secret.")
        var id: String
        @OptionGroup var owner: AccessTokenOwner

        func run() async throws {
            try await owner.withTokens { tokens, owner in
                try await tokens.revoke(id, of: owner, by: Caller(.cli))
                Console.print("\(id)  revoked")
            }
        }
    }

    struct Roll: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Make a token that may do the same and print it, once; the old one works on for a while.")

        @Argument(help: "The old token's id: the part between lk_ and the secret.")
        var id: String
        @OptionGroup var owner: AccessTokenOwner
        @Option(help: "For how long the old one works on: 0m to 7d.")
        var overlap = "24h"
        @Option(help: "For how long the new one works: 30d, 12h, 45m. Without it: as long as the old one would have.")
        var expires: String?

        func run() async throws {
            try await owner.withTokens { tokens, owner in
                let now = tokens.vault.clock.now()
                let made = try await tokens.roll(
                    id, of: owner, overlap: try AccessTokenWords.seconds(overlap),
                    expiresAt: try expires.map { now.advanced(bySeconds: try AccessTokenWords.seconds($0)) },
                    by: Caller(.cli))
                show(made, "latchkey: \(id) works on for \(overlap)")
            }
        }
    }
}
