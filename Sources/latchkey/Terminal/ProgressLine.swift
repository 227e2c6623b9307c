#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// A bar on standard error while something long runs; nothing where that is no terminal.
struct ProgressLine {
    private let label: String
    private let total: Int
    private let isShown: Bool
    private var shown = -1

    init(label: String, total: Int) {
        self.label = label
        self.total = max(1, total)
        isShown = isatty(STDERR_FILENO) == 1 && total > 1000
    }

    mutating func advance(to done: Int) {
        let percent = min(100, done * 100 / total)
        guard isShown, percent != shown else { return }
        shown = percent
        let filled = percent / 4
        let bar = String(repeating: "█", count: filled) + String(repeating: "░", count: 25 - filled)
        Console.write("\r\(label)  \(bar)  \(percent) %", to: STDERR_FILENO)
    }

    func end() {
        if isShown { Console.write("\r\u{1B}[K", to: STDERR_FILENO) }
    }
}
