import CLibPQ
package import LatchkeyCore

/// A server's error code (PostgreSQL's appendix A), compared by its five characters.
struct SQLState: RawRepresentable, Hashable, Sendable {
    let rawValue: String

    /// `PG_DIAG_SQLSTATE`, a character in libpq's header.
    static let field = Int32(UInt8(ascii: "C"))

    static let serializationFailure = SQLState(rawValue: "40001")
    static let deadlockDetected = SQLState(rawValue: "40P01")
    static let readOnly = SQLState(rawValue: "25006")
    static let insufficientPrivilege = SQLState(rawValue: "42501")
    static let undefinedTable = SQLState(rawValue: "42P01")
    static let undefinedColumn = SQLState(rawValue: "42703")
    static let queryCanceled = SQLState(rawValue: "57014")
    static let lockNotAvailable = SQLState(rawValue: "55P03")

    /// 3F000: no schema that the role may use.
    var isAboutPrivileges: Bool { self == .insufficientPrivilege || rawValue == "3F000" }

    /// The database undid the transaction for the sake of others: the same again may well succeed.
    var isWorthARetry: Bool { self == .serializationFailure || self == .deadlockDetected }

    /// The session is of no more use: the server is going away, or is not the one that may be written to.
    ///
    /// 0A000 and 26000 are a prepared statement whose table has changed, or that somebody took away; 25P03 is an idle
    /// transaction that the server ended.
    var endsTheSession: Bool {
        rawValue.hasPrefix("57P") || rawValue.hasPrefix("08") || self == .readOnly
            || ["0A000", "26000", "25P03"].contains(rawValue)
    }
}

/// What went wrong between us and the server.
enum PostgreSQLFailure: Error {
    /// The server refused a statement; the connection is as good as before.
    case refused(SQLState)
    /// The connection is gone, or did not answer in time and is given up. What was not answered may have happened.
    case lost
}

/// A failure as the sentence that an operator reads. The server's own words are not repeated: they may hold values.
package enum PostgreSQLError {
    static let lost = LatchkeyError(
        .storeUnavailable, "the connection to the database was lost, or it did not answer in time",
        hint: "it is connected to again by itself; look at the database server")
    static let unreachable = LatchkeyError(
        .storeUnavailable, "the database cannot be reached", hint: "it is connected to again by itself; the log has why"
    )
    static let outcomeUnknown = LatchkeyError(
        .storeUnavailable, "the database was lost while it committed, and whether this was stored is not known yet",
        hint: "look at the status before trying again")
    static let busy = LatchkeyError(
        .storeUnavailable, "too many requests are waiting for the database",
        hint: "try again; if it lasts, look at the database, or raise LATCHKEY_DATABASE_CONNECTIONS")
    /// The role lacks a privilege: no passing trouble when it is met at the start.
    package static let lacksPrivilege = LatchkeyError(
        .storeUnavailable, "the database role may not do this (SQLSTATE 42501)",
        hint: "run latchkey migrate --grant ROLE as the tables' owner; a restore is the owner's too")
    static let closed = LatchkeyError(.storeUnavailable, "the database is closed")

    static func error(_ failure: PostgreSQLFailure) -> LatchkeyError {
        switch failure {
        case .lost: lost
        case .refused(let state): error(state)
        }
    }

    static func error(_ state: SQLState) -> LatchkeyError {
        switch state {
        case .undefinedTable, .undefinedColumn:
            LatchkeyError(.storeUnavailable, "the database lacks a table or column", hint: "run latchkey migrate")
        case .insufficientPrivilege: lacksPrivilege
        case .readOnly:
            LatchkeyError(
                .storeUnavailable, "the database is read-only: a standby, or switched to it",
                hint: "name every host in DATABASE_URL, so that the primary is found")
        case .queryCanceled, .lockNotAvailable:
            LatchkeyError(
                .storeUnavailable, "the database took too long and the statement was cancelled",
                hint: "look for locks and load in the database")
        default: error(class: state)
        }
    }

    private static func error(class state: SQLState) -> LatchkeyError {
        switch state.rawValue.prefix(2) {
        case "53":
            state.rawValue == "53100"
                ? LatchkeyError(.storeUnavailable, "the database's disk is full", hint: "make room on its server")
                : LatchkeyError(
                    .storeUnavailable, "the database is short of memory or connections (SQLSTATE \(state.rawValue))",
                    hint: "look at max_connections and memory on its server")
        case "57", "08":
            LatchkeyError(
                .storeUnavailable, "the database server is starting, stopping or ended the connection",
                hint: "it is connected to again by itself")
        default:
            LatchkeyError(
                .storeUnavailable, "the database refused a statement (SQLSTATE \(state.rawValue))",
                hint: "the database's log has its words")
        }
    }

    /// Why no connection could be made. libpq gives words only, no code; where the words are not known ones, the
    /// sentence stays general. Never the words themselves: a name in a URL may be a secret pasted in the wrong place.
    static func connecting(_ handle: OpaquePointer?) -> LatchkeyError {
        let words = PQerrorMessage(handle).map { String(cString: $0).lowercased() } ?? ""
        let place = place(handle)
        for cause in causes where cause.signs.contains(where: { words.contains($0) }) {
            return LatchkeyError(
                cause.isPassing ? .storeUnavailable : .configuration,
                cause.reason.replacing("PLACE", with: place), hint: cause.hint)
        }
        return LatchkeyError(
            .storeUnavailable, "the database at \(place) cannot be connected to",
            hint: "psql \"$DATABASE_URL\" shows what the server says")
    }

    private static func place(_ handle: OpaquePointer?) -> String {
        let host = PQhost(handle).map { String(cString: $0) } ?? ""
        let port = PQport(handle).map { String(cString: $0) } ?? ""
        guard !host.isEmpty else { return "the address in DATABASE_URL" }
        return port.isEmpty || host.hasPrefix("/") ? host : "\(host) port \(port)"
    }

    private struct Cause {
        let signs: [String]
        let reason: String
        let hint: String
        /// It may be over by itself: not a mistake in the settings.
        let isPassing: Bool
    }

    /// The more particular before the more general.
    private static let causes = [
        Cause(
            signs: ["invalid port number", "invalid integer value", "invalid \""],
            reason: "a value in DATABASE_URL, such as the port, is not one that can be",
            hint: "check the port, and what stands behind the question mark", isPassing: false),
        Cause(
            signs: ["password authentication failed", "no password supplied", "scram"],
            reason: "the database at PLACE refused the user name or the password",
            hint: "check user and password in DATABASE_URL, or the password file (PGPASSFILE)", isPassing: false),
        Cause(
            signs: ["too many clients", "remaining connection slots", "too many connections", "no more connections"],
            reason: "the database at PLACE has no connection free (max_connections)",
            hint: "lower LATCHKEY_DATABASE_CONNECTIONS or raise max_connections, or put PgBouncer between",
            isPassing: true),
        Cause(
            signs: ["starting up", "shutting down", "recovery mode", "not yet accepting"],
            reason: "the database at PLACE is starting or stopping", hint: "wait for it", isPassing: true),
        Cause(
            signs: ["session is read-only", "hot standby", "session is not read-only", "read-only"],
            reason: "the database at PLACE is read-only: a standby, or switched to it",
            hint: "name every host in DATABASE_URL, so that the primary is found", isPassing: true),
        Cause(
            signs: ["certificate", "ssl", "tls"], reason: "the TLS connection to the database at PLACE cannot be made",
            hint: "check sslmode and sslrootcert in DATABASE_URL, and that the server offers TLS", isPassing: false),
        Cause(
            signs: ["pg_hba.conf"], reason: "the database at PLACE lets this user in from here by no rule",
            hint: "add one to its pg_hba.conf; it may also ask for TLS (sslmode)", isPassing: false),
        Cause(
            signs: ["permission denied for database"], reason: "the user may not connect to the database at PLACE",
            hint: "GRANT CONNECT ON DATABASE … TO …", isPassing: false),
        Cause(
            signs: ["role \"", "database \""], reason: "the database or the user named in DATABASE_URL is not at PLACE",
            hint: "create them, or correct the name", isPassing: false),
        Cause(
            signs: ["could not translate host name", "name or service not known"],
            reason: "the host name of the database in DATABASE_URL is not known",
            hint: "check its spelling, and DNS", isPassing: false),
        Cause(
            signs: ["connection refused", "no such file or directory", "timeout expired", "timed out", "unreachable"],
            reason: "no database server answers at PLACE",
            hint: "check host and port in DATABASE_URL, and that the server runs", isPassing: true),
    ]
}
