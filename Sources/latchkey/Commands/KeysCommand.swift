import ArgumentParser
import LatchkeyCore
import LatchkeyCrypto

struct KeysCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "keys",
        abstract: "A user's keys, from the machine the database is on.",
        discussion: """
            Works on the database directly, also while the service runs. A key is typed at a prompt that does not show it, or \
            comes on standard input; never as an argument, where every user of the machine could see it.

              latchkey keys list --user alice
              latchkey keys set --user alice --provider openai < key.txt
            """,
        subcommands: [List.self, Set.self, Validate.self, Delete.self])
}

/// Whose key.
struct KeyOptions: ParsableArguments {
    @Option(help: "The user's id, exactly as the app's tokens have it.")
    var user: String

    @Option(help: "The provider's id, such as openai.")
    var provider: String

    @Option(help: "The key's name, for users with several keys at one provider.")
    var name = "default"

    func reference(_ node: Node) throws -> KeyReference {
        KeyReference(.user(try UserID(user)), try node.catalogue.provider(named: provider).id, try KeyName(name))
    }
}

/// One key as a line: what `status` shows, for a terminal.
private func line(_ key: UserAPIKey, at now: Timestamp) -> String {
    let verdict = key.verdict(at: now)
    var parts = ["\(key.provider.text)/\(key.name.text)", verdict.rawValue]
    if let hint = key.keyHint { parts.append("…\(hint)") }
    if let status = key.evidence.httpStatus { parts.append("HTTP \(status)") }
    if let code = key.evidence.code { parts.append(code) }
    if let time = key.evidence.checkedAt { parts.append("checked \(time.rfc3339)") }
    if let label = key.label { parts.append("\"\(label)\"") }
    return parts.joined(separator: "  ")
}

extension KeysCommand {
    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Show what is stored for a user; never a key.")

        @Option(help: "The user's id, exactly as the app's tokens have it.")
        var user: String
        @OptionGroup var common: CommonOptions

        func run() async throws {
            try await Node.with(common) { node in
                let keys = try await node.vault.status(of: .user(try UserID(user)))
                if keys.isEmpty { Console.note("no keys are stored for this user") }
                for key in keys { Console.print(line(key, at: node.clock.now())) }
            }
        }
    }

    struct Set: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Store a key, read from a prompt or standard input.")

        @OptionGroup var options: KeyOptions
        @Option(help: "A text to show beside it.")
        var label: String?
        @Flag(help: "Do not ask the provider about it.")
        var noValidate = false
        @Flag(help: "Store nothing when the provider refuses it.")
        var requireValid = false
        @OptionGroup var common: CommonOptions

        func run() async throws {
            try await Node.with(common) { node in
                _ = try options.reference(node)
                let key = try Console.readKey(prompt: "Key for \(options.user) at \(options.provider): ")
                let request = SetKeyRequest(
                    provider: options.provider, key: key, name: options.name, label: label, validate: !noValidate,
                    requireValid: requireValid)
                let (stored, warnings) = try await node.vault.set(
                    request, of: .user(try UserID(options.user)), by: Caller(.cli))
                for warning in warnings { Console.note("latchkey: warning: \(warning)") }
                Console.print(line(stored, at: node.clock.now()))
            }
        }
    }

    struct Validate: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Ask the provider about a stored key again.")

        @OptionGroup var options: KeyOptions
        @OptionGroup var common: CommonOptions

        func run() async throws {
            try await Node.with(common) { node in
                let key = try await node.vault.validate(try options.reference(node), by: Caller(.cli))
                Console.print(line(key, at: node.clock.now()))
            }
        }
    }

    struct Delete: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Remove a key.")

        @OptionGroup var options: KeyOptions
        @OptionGroup var common: CommonOptions

        func run() async throws {
            try await Node.with(common) { node in
                try await node.vault.remove(try options.reference(node), by: Caller(.cli))
                Console.print("\(options.provider)/\(options.name)  deleted")
            }
        }
    }
}
