package import LatchkeyCore

/// `DATABASE_URL`.
package enum DatabaseURL: Sendable, Equatable {
    case sqlite(path: String)

    /// - Throws: `configuration`; the value itself is in no text, for it may hold a password.
    package init(_ text: String) throws(LatchkeyError) {
        if text.hasPrefix("sqlite:") {
            let path = String(text.dropFirst("sqlite:".count))
            guard !path.isEmpty, path != ":memory:", !path.hasPrefix("//") else {
                throw LatchkeyError(
                    .configuration, "DATABASE_URL has the scheme sqlite but no path to a file",
                    hint: "write sqlite:PATH, such as sqlite:.latchkey/latchkey.db")
            }
            self = .sqlite(path: path)
        } else if text.hasPrefix("postgresql:") || text.hasPrefix("postgres:") {
            throw LatchkeyError(
                .configuration, "DATABASE_URL names a PostgreSQL database, and this build has only the SQLite driver",
                hint: "write sqlite:PATH")
        } else {
            throw LatchkeyError(
                .configuration, "DATABASE_URL is not of the form sqlite:PATH",
                hint: "write sqlite:.latchkey/latchkey.db")
        }
    }
}
