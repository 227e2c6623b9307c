import ArgumentParser
import LatchkeyCore

struct DoctorCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "doctor",
        abstract:
            "Check secrets, database, rows, tokens, network and clock; each line says ok, warn or fail, and the mend.",
        discussion: """
            Reads only; nothing is changed and no key is shown. Exit code 0 when nothing failed, 1 otherwise. Run it with the \
            settings the service has:

              latchkey doctor --config latchkey.yaml
            """)

    @Flag(help: "Do not look for the providers on the network.")
    var offline = false

    @OptionGroup var common: CommonOptions

    func run() async throws {
        try await reporting {
            let settings = try await common.settings()
            var report = DoctorReport()
            await Doctor(settings: settings, offline: offline).examine(&report)
            Console.print(report.summary)
            if report.failures > 0 { throw ExitCode(1) }
        }
    }
}

/// The lines as they come, and how many of each kind.
struct DoctorReport {
    private(set) var failures = 0
    private(set) var warnings = 0

    mutating func ok(_ what: String) { Console.print("ok    \(what)") }

    mutating func warn(_ what: String, mend: String) {
        warnings += 1
        Console.print("warn  \(what)\n      \(mend)")
    }

    mutating func fail(_ what: String, mend: String) {
        failures += 1
        Console.print("fail  \(what)\n      \(mend)")
    }

    mutating func fail(_ area: String, _ error: any Error) {
        let error = error as? LatchkeyError
        fail(
            "\(area): \(error?.reason ?? "it could not be examined")",
            mend: error?.hint ?? "the service's log has more on it")
    }

    var summary: String {
        switch (failures, warnings) {
        case (0, 0): "all is well"
        case (0, _): "\(warnings) to look at, nothing that stops the service"
        default: "\(failures) failed, \(warnings) to look at"
        }
    }
}
