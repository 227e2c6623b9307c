package import LatchkeyCore

/// `DATABASE_URL`.
package enum DatabaseURL: Sendable, Equatable {
    case sqlite(path: String)
    /// A libpq connection URI, handed to libpq as it is.
    case postgresql(url: String)

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
        } else if text.hasPrefix("postgresql://") || text.hasPrefix("postgres://") {
            self = .postgresql(url: text)
        } else if text.hasPrefix("postgresql+") {
            throw LatchkeyError(
                .configuration, "DATABASE_URL names a Python driver in its scheme (postgresql+…)",
                hint: "leave that part out: postgresql://…")
        } else {
            throw LatchkeyError(
                .configuration, "DATABASE_URL is neither of the form sqlite:PATH nor postgresql://…",
                hint: "write sqlite:.latchkey/latchkey.db, or postgresql://USER:PASSWORD@HOST:PORT/DATABASE")
        }
    }
}
