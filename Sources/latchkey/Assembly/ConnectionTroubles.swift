import LatchkeyCore
import Logging
import Synchronization

/// Why the database cannot be connected to, in the log: each cause when it is new, then every half minute.
final class ConnectionTroubles: Sendable {
    private let logger: Logger
    private let last = Mutex<(reason: String, at: ContinuousClock.Instant)?>(nil)

    init(logger: Logger) { self.logger = logger }

    func note(_ error: LatchkeyError) {
        let isNews = last.withLock { last in
            if let last, last.reason == error.reason, ContinuousClock.now - last.at < .seconds(30) { return false }
            last = (error.reason, .now)
            return true
        }
        guard isNews else { return }
        logger.warning(
            "no connection to the database", metadata: ["reason": "\(error.reason)", "hint": "\(error.hint ?? "")"])
    }
}
