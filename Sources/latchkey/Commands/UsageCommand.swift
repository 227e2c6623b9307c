import ArgumentParser
import LatchkeyCore
import LatchkeySQL

struct UsageCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "usage",
        abstract: "What was used and what it cost, summed up.",
        discussion: """
            Of everyone, or of one user with --user. Days are UTC's; --from is inclusive and --to exclusive, each a day or a \
            moment; without them: today and the 29 days before. Works on the database directly, also while the service runs.

              latchkey usage                                        by day
              latchkey usage --by user,model --from 2026-08-01      who used what since then
              latchkey usage --user alice --by day,provider,key     one user's, by key
              latchkey usage --by day,user,provider,model --csv > usage.csv
            """)

    @Option(help: "One user's id, exactly as the app's tokens have it.")
    var user: String?

    @Option(help: "What to sum by, with commas: day, user, provider, model, key.")
    var by: String?

    @Option(help: "The first day or moment, such as 2026-08-01.")
    var from: String?

    @Option(help: "The day or moment at which it ends, itself not included.")
    var to: String?

    @Flag(help: "Comma-separated values, all of them, in place of a table.")
    var csv = false

    @Option(help: "How many lines of the table at most.")
    var limit = 200

    @OptionGroup var common: CommonOptions

    private static let mostCSV = 1_000_000

    func validate() throws {
        guard (1...100_000).contains(limit) else { throw ValidationError("--limit is 1 to 100000") }
    }

    func run() async throws {
        try await Node.with(common) { node in
            let selection = try UsageSelection(
                from: from, to: to, by: by, allowed: UsageDimension.allCases, now: node.clock.now())
            let query = UsageQuery(
                user: try user.map { try UserID($0) }, range: selection.range,
                dimensions: Set(selection.dimensions), limit: csv ? Self.mostCSV : limit + 1)
            let sums = try await node.store.usage(query)
            if csv { return Console.write(UsageTable(sums, by: selection.dimensions).csv, to: 1) }
            try await show(sums, selection, query, node)
        }
    }

    private func show(
        _ sums: [UsageSum], _ selection: UsageSelection, _ query: UsageQuery, _ node: Node
    ) async throws {
        guard !sums.isEmpty else { return Console.note("nothing was used in this time") }
        let total = try await node.store.usage(
            UsageQuery(user: query.user, range: query.range, dimensions: [], limit: 1)
        ).first
        let names = selection.dimensions.map(\.rawValue)
        let header = names + ["requests", "input", "output", "cached", "cost USD", "unpriced"]
        var rows = sums.prefix(limit).map { sum in
            selection.dimensions.map { TextTable.printable(sum.text(of: $0) ?? "-") } + Self.cells(sum)
        }
        if let total, sums.count > 1 {
            rows.append(["total"] + Array(repeating: "", count: names.count - 1) + Self.cells(total))
        }
        let numbers = Set(names.count..<header.count)
        for line in TextTable.lines(header, rows, numbers: numbers) { Console.print(line) }
        if sums.count > limit { Console.note("there is more: --limit shows more lines, --csv all of them") }
        if let total, total.unpriced > 0 { try await noteUnpriced(query, node) }
    }

    private func noteUnpriced(_ query: UsageQuery, _ node: Node) async throws {
        let models = try await node.store.unpricedModels(of: query.user, in: query.range, limit: 20)
        let names = models.map { TextTable.printable("\($0.provider?.text ?? "-")/\($0.model ?? "-")") }
        Console.note("no price is known for \(names.joined(separator: ", "))")
        Console.note("LATCHKEY_PRICES_FILE adds prices (docs/usage.md); what was used already stays without one")
    }

    private static func cells(_ sum: UsageSum) -> [String] {
        [
            "\(sum.requests)", "\(sum.input)", "\(sum.output)", "\(sum.cachedInput)",
            DollarText.text(micros: sum.cost), "\(sum.unpriced)",
        ]
    }
}
