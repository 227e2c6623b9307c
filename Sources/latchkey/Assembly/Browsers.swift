import LatchkeyCore
import LatchkeyServer
import Logging

/// Signed-in browsers as configured: the settings are judged before anything is opened.
struct Browsers {
    private let origins: OwnOrigins
    private let minutes: Int64

    /// - Throws: `configuration`.
    init(_ settings: Settings) throws {
        origins = try OwnOrigins(publicURL: settings[.publicURL])
        minutes = try settings.positiveNumber(.sessionMinutes)
        guard minutes <= WebSessions.longestMinutes else {
            throw LatchkeyError(
                .configuration, "\(Setting.sessionMinutes.name) is more than \(WebSessions.longestMinutes), a week")
        }
    }

    func sessions(_ node: Node, _ logger: Logger) -> BrowserSessions {
        BrowserSessions(
            sessions: WebSessions(store: node.store, vault: node.vault, minutes: minutes, logger: logger),
            origins: origins)
    }
}
