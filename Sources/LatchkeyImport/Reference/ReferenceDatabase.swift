import LatchkeyCore
import LatchkeySQL

/// Where the old table is, as `--from` says it.
package enum ReferenceDatabase {
    /// Opens it for reading.
    ///
    /// - Parameter url: `sqlite:PATH` or `postgresql://…`, also as SQLAlchemy writes them (`sqlite:///PATH`,
    ///   `postgresql+psycopg2://…`).
    /// - Throws: `configuration`, `store_unavailable`; no part of the URL is in the text, for it may hold a password.
    package static func open(_ url: String, table: String) async throws -> SQLReferenceSource {
        let driver: any SQLDriver
        do {
            switch try DatabaseURL(plain(url)) {
            case .sqlite(let path): driver = try SQLiteDriver(inspecting: path)
            case .postgresql(let url): driver = try PostgreSQLDriver(try PostgreSQLConfiguration(url: url))
            }
        } catch let error as LatchkeyError {
            throw ofTheOldOne(error, table: table)
        }
        do { return try SQLReferenceSource(driver: driver, table: table) } catch {
            await driver.close()
            throw error
        }
    }

    /// Whether the URL holds a password, which other users of the machine could see on a command line.
    package static func hasPassword(_ url: String) -> Bool {
        guard let scheme = url.firstRange(of: "://") else { return false }
        let rest = url[scheme.upperBound...]
        if rest.contains("password=") { return true }
        guard let at = rest.lastIndex(of: "@") else { return false }
        return rest[..<at].contains(":")
    }

    /// Whether both name the same database, as far as their texts say it.
    package static func isSame(_ url: String, _ other: String) -> Bool {
        plain(url).utf8.elementsEqual(plain(other).utf8)
    }

    /// The URL as libpq and we write it.
    static func plain(_ url: String) -> String {
        guard let end = url.firstIndex(of: ":") else { return url }
        let scheme = url[..<end].prefix { $0 != "+" }
        let rest = url[end...]
        switch scheme {
        case "sqlite":
            // SQLAlchemy's form: three slashes, then the path, whose own first slash is the fourth.
            return "sqlite:" + (rest.hasPrefix(":///") ? rest.dropFirst(4) : rest.dropFirst(1))
        case "postgresql", "postgres":
            return "postgresql" + rest
        default: return url
        }
    }

    /// The drivers speak of Latchkey's own database; here the other one is meant.
    static func ofTheOldOne(_ error: LatchkeyError, table: String) -> LatchkeyError {
        guard error.code == .storeUnavailable || error.code == .configuration else { return error }
        if error.hint == "run latchkey migrate" {
            return LatchkeyError(
                .configuration, "the old database has no table \(table) with id, user_id, provider and encrypted_key",
                hint: "--table names another one; a view with these columns will do")
        }
        let reason = error.reason.replacing("DATABASE_URL", with: "--from")
        let hint = error.hint?.replacing("$DATABASE_URL", with: "…").replacing("DATABASE_URL", with: "--from")
        if let hint, hint.hasPrefix("run latchkey migrate") {
            return LatchkeyError(.configuration, "the old database: \(reason)", hint: "GRANT SELECT ON \(table) TO …")
        }
        return LatchkeyError(error.code, "the old database: \(reason)", hint: hint)
    }
}
