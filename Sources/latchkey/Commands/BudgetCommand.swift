import ArgumentParser
import LatchkeyCore
import LatchkeySQL

struct BudgetCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "budget",
        abstract: "What a user may use: set, listed, deleted, by the operator.",
        discussion: """
            A budget limits money (in dollars), tokens or requests in a minute, a day or a month of UTC, for all that is done \
            for a user or with one of the user's keys. A call through the gateway that would go beyond it is answered with \
            429. Users may set budgets for themselves; neither these nor yours weaken the other, the smaller one counts. \
            Works on the database directly, also while the service runs, which takes notice within a second.

              latchkey budget set --user alice money/month=20.00
              latchkey budget set --user alice requests/minute=60 --provider openai --key work
              latchkey budget list --user alice
              latchkey budget delete --user alice money/month
            """,
        subcommands: [Set.self, List.self, Delete.self])
}

/// Whose budget, and of what.
struct BudgetOptions: ParsableArguments {
    @Option(help: "The user's id, exactly as the app's tokens have it.")
    var user: String

    @Option(help: "Only what is done with a key of this provider.")
    var provider: String?

    @Option(help: "That key's name, if it is not `default`.")
    var key: String?

    @OptionGroup var common: CommonOptions

    func validate() throws {
        guard key == nil || provider != nil else { throw ValidationError("--key goes with --provider") }
    }

    /// - Throws: `unknown_provider`, `invalid_name`.
    func subject(_ node: Node) throws -> BudgetSubject {
        guard let provider else { return .user }
        return .key(try node.catalogue.provider(named: provider).id, try key.map { try KeyName($0) } ?? .default)
    }
}

extension BudgetCommand {
    struct Set: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Set a budget, or change it. What was used already in its day or month counts.")

        @Argument(help: "money/day=5.00 (dollars), tokens/month=1000000, requests/minute=60.")
        var limit: String
        @Option(help: "Percents of it at which the service's log says so.")
        var warn: [Int] = Budget.usualWarnings
        @OptionGroup var options: BudgetOptions

        func run() async throws {
            try await Node.with(options.common) { node in
                let budget = Budget(
                    user: try UserID(options.user), subject: try options.subject(node),
                    limit: try AccessTokenWords.limit(limit), setBy: .operator, warnings: warn)
                let now = node.clock.now()
                let state = try await node.store.putBudget(
                    budget, at: now, event: AuditEvent(budgetSet: budget, at: now, actor: .cli))
                BudgetCommand.show([state])
            }
        }
    }

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Show a user's budgets, whoever has set them, and what was used of each.")

        @Option(help: "The user's id, exactly as the app's tokens have it.")
        var user: String
        @OptionGroup var common: CommonOptions

        func run() async throws {
            try await Node.with(common) { node in
                let states = try await node.store.budgets(of: try UserID(user), at: node.clock.now())
                if states.isEmpty { return Console.note("there are no budgets for this user") }
                BudgetCommand.show(states)
            }
        }
    }

    struct Delete: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Delete a budget of the operator; one that the user has set stays.")

        @Argument(help: "Which one: money/day, tokens/month, requests/minute.")
        var limit: String
        @OptionGroup var options: BudgetOptions

        func run() async throws {
            try await Node.with(options.common) { node in
                // The amount says nothing here; the words are the same.
                let limit = try AccessTokenWords.limit("\(limit)=0")
                let id = BudgetID(
                    user: try UserID(options.user), subject: try options.subject(node), metric: limit.metric,
                    period: limit.period, setBy: .operator)
                let event = AuditEvent(budgetDeleted: id, at: node.clock.now(), actor: .cli)
                guard try await node.store.deleteBudget(id, event: event) else {
                    throw LatchkeyError(
                        .budgetNotFound, "no such budget was set by an operator",
                        hint: "latchkey budget list --user \(options.user)")
                }
                Console.print("\(self.limit)  deleted")
            }
        }
    }

    fileprivate static func show(_ states: [BudgetState]) {
        let header = ["for", "limit", "amount", "used", "reserved", "set by", "begins anew"]
        let rows = states.map { state in
            let limit = state.budget.limit
            return [
                TextTable.printable(state.budget.subject.text), "\(limit.metric.rawValue)/\(limit.period.rawValue)",
                amount(limit.amount, limit.metric), amount(state.used, limit.metric),
                amount(state.reserved, limit.metric), state.budget.setBy.rawValue, state.resetsAt.rfc3339,
            ]
        }
        for line in TextTable.lines(header, rows, numbers: [2, 3, 4]) { Console.print(line) }
    }

    private static func amount(_ value: Int64, _ metric: UsageLimit.Metric) -> String {
        metric == .money ? "$\(DollarText.text(micros: value))" : "\(value)"
    }
}
