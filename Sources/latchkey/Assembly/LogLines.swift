import LatchkeyCore
import Logging

/// Where log lines go.
enum LogLines {
    /// Logs as lines on standard error.
    ///
    /// - Throws: `configuration` for a level that is none.
    static func start(_ settings: Settings) throws -> Logger {
        guard let level = Logger.Level(rawValue: (settings[.logLevel] ?? "info").lowercased()) else {
            throw LatchkeyError(
                .configuration, "\(Setting.logLevel.name) is not a log level",
                hint: "one of trace, debug, info, notice, warning, error, critical")
        }
        LoggingSystem.bootstrap { label in
            var handler = StreamLogHandler.standardError(label: label)
            handler.logLevel = level
            return handler
        }
        return Logger(label: "latchkey")
    }
}
