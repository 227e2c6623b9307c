#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// How far a long import is, on standard error: a bar on a terminal, elsewhere a line for each tenth.
struct ImportProgress {
    private let unit: String
    private let total: Int?
    private let isTerminal = isatty(STDERR_FILENO) == 1
    private var bar: ProgressLine
    private var told = 0

    /// What is this small is done before anybody wonders.
    private static let smallest = 1000
    /// Where nobody knows how much there is.
    private static let step = 10_000

    init(unit: String, total: Int?) {
        self.unit = unit
        self.total = total
        bar = ProgressLine(label: "importing", total: total ?? 0)
    }

    mutating func advance(to done: Int) {
        guard !isTerminal || total == nil else { return bar.advance(to: done) }
        if let total {
            let tenth = min(10, done / max(1, total / 10))
            guard total >= Self.smallest, tenth > told else { return }
            told = tenth
            Console.note("latchkey: \(done) of \(total) \(unit)")
        } else if done / Self.step > told {
            told = done / Self.step
            Console.note("latchkey: \(done) \(unit)")
        }
    }

    func end() { bar.end() }
}
