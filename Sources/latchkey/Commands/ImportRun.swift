import ArgumentParser
import LatchkeyCore
import LatchkeyImport

/// What every import but that of global keys has.
struct ImportOptions: ParsableArguments {
    @Flag(help: "Let a key of the source take the place of another one that Latchkey has.")
    var replace = false
    @Option(
        help: ArgumentHelp(
            "Write a CSV file with a line for each key that was not imported, and each that was kept.",
            valueName: "file"))
    var report: String?
    @OptionGroup var common: CommonOptions
}

/// `--provider-map`.
struct ProviderMapOption: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "The source's provider OLD is the catalogue's NEW. May be given several times.", valueName: "old=new"))
    var providerMap: [String] = []

    func names(_ catalogue: ProviderCatalogue) throws -> ProviderNames {
        var map: [String: String] = [:]
        for entry in providerMap {
            guard let equals = entry.lastIndex(of: "="), equals != entry.startIndex else {
                throw LatchkeyError(.configuration, "--provider-map is not of the form OLD=NEW")
            }
            map[String(entry[..<equals])] = String(entry[entry.index(after: equals)...])
        }
        return try ProviderNames(catalogue: catalogue, given: map)
    }
}

/// Runs one import from its source to its report.
struct ImportRun {
    let settings: Settings
    let options: ImportOptions
    let isDryRun: Bool
    /// What the source's keys are opened from: whether a line about it belongs into the summary.
    let opens: Bool

    init(_ options: ImportOptions, _ settings: Settings, isDryRun: Bool, opens: Bool) {
        self.settings = settings
        self.options = options
        self.isDryRun = isDryRun
        self.opens = opens
    }

    /// - Throws: `ExitCode(1)` when some keys could not be imported; what ends the import.
    func run(_ source: some ImportSource) async throws {
        let report = try options.report.map { try ImportReport(path: $0) }
        guard !isDryRun else {
            let importer = KeyImporter(.nowhere(try Node.catalogue(settings), Self.policy(settings), .system))
            return try await run(source, importer, report)
        }
        let node = try await Node.open(settings)
        do { try await run(source, KeyImporter(.vault(node.vault), replaces: options.replace), report) } catch {
            await node.close()
            throw error
        }
        await node.close()
    }

    private static func policy(_ settings: Settings) -> KeyPolicy {
        KeyPolicy(allowedBaseURLHosts: Set(settings.list(.allowedBaseURLHosts).map { $0.lowercased() }))
    }

    private func run(_ source: some ImportSource, _ importer: KeyImporter, _ report: ImportReport?) async throws {
        var source = source
        var outcome = ImportOutcome(report: report)
        let clock = ContinuousClock()
        let start = clock.now
        var progress = ImportProgress(unit: source.unit, total: source.total)
        do {
            while true {
                let steps = try await source.nextBatch()
                if steps.isEmpty { break }
                for result in try await importer.run(steps) { try outcome.add(result) }
                progress.advance(to: source.position)
            }
        } catch {
            progress.end()
            let stored = outcome.tally.stored
            if stored > 0 { Console.note("latchkey: \(stored) were stored; run the import again for the rest") }
            throw error
        }
        progress.end()
        outcome.printLines(report: options.report)
        summarise(outcome.tally, clock.now - start)
        // Rows that were counted and not seen: nobody is to believe that all of them are here.
        let missing = source.unit == "rows" ? max(0, (source.total ?? 0) - source.position) : 0
        if missing > 0 {
            Console.note(
                "latchkey: warning: \(missing) rows were counted at the start and not seen; were they deleted?")
        }
        guard outcome.tally.isComplete, missing == 0 else { throw ExitCode(1) }
    }

    private func summarise(_ tally: ImportTally, _ time: Duration) {
        var parts = ["\(tally.stored) \(isDryRun ? "would be stored" : "stored")"]
        if !isDryRun { parts += ["\(tally.alreadyThere) already there", "\(tally.kept) kept"] }
        if opens { parts.append("\(tally.wouldNotOpen) would not open") }
        parts.append("\(tally.refused) not imported for other reasons")
        Console.print(parts.joined(separator: ", "))
        let seconds = Double(time.components.seconds) + Double(time.components.attoseconds) / 1e18
        let rate = Int((Double(tally.all) / max(seconds, 0.001)).rounded())
        Console.print("\(tally.all) rows in \(Self.shown(seconds)) s, \(rate) rows per second")
    }

    /// With one digit behind the point.
    private static func shown(_ seconds: Double) -> String {
        let tenths = Int((seconds * 10).rounded())
        return "\(tenths / 10).\(tenths % 10)"
    }
}

/// What became of the keys so far: counted, written to the report, and the first few kept to be shown at the end.
private struct ImportOutcome {
    private(set) var tally = ImportTally()
    private let report: ImportReport?
    private var lines: [String] = []
    private var unshown = 0

    private static let mostLines = 20

    init(report: ImportReport?) { self.report = report }

    mutating func add(_ result: ImportResult) throws {
        tally.count(result.outcome)
        try report?.add(result)
        guard let line = Self.line(result) else { return }
        if lines.count < Self.mostLines { lines.append(line) } else { unshown += 1 }
    }

    /// - Parameter report: the report's path, where there is one.
    func printLines(report: String?) {
        for line in lines { Console.print(line) }
        guard unshown > 0 else { return }
        let place = report.map { "\($0) has them all" } ?? "--report FILE writes them all"
        Console.print("… and \(unshown) more; \(place)")
    }

    /// One line for what was not imported; nil for what is in Latchkey now.
    private static func line(_ result: ImportResult) -> String? {
        let item = result.item
        let place = [item.place, item.user, item.provider].filter { !$0.isEmpty }.joined(separator: "  ")
        switch result.outcome {
        case .stored, .alreadyThere: return nil
        case .kept: return "\(place)  kept: another key is stored; --replace takes this one"
        case .wouldNotOpen(let reason): return "\(place)  would not open: \(reason)"
        case .refused(let reason): return "\(place)  not imported: \(reason)"
        }
    }
}
