import CLibPQ
package import LatchkeyCore

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// Where the database is, and how long we wait for it.
package struct PostgreSQLConfiguration: Sendable {
    /// A libpq connection URI; several hosts, `sslmode`, `passfile` and the like are libpq's business.
    private let url: String
    /// All connections of this node together: two that read, one that appends, one that listens, the rest for
    /// transactions.
    package var connections: Int
    /// How long a request may wait for the database, in a queue and on the wire together.
    package var patience: Duration
    /// How many requests may wait at once; more are refused at once.
    package var waiting: Int
    /// Told why a connection cannot be made while the service runs. Callers are told less: where the database is, is
    /// nothing for them.
    package var onTrouble: @Sendable (LatchkeyError) -> Void = { _ in }

    package static let fewestConnections = 5

    /// - Throws: `configuration`; no part of the URL is in the text, for it may hold a password.
    package init(
        url: String, connections: Int = 10, patience: Duration = .seconds(5), waiting: Int = 4096
    ) throws(LatchkeyError) {
        guard let options = PQconninfoParse(url, nil) else {
            throw LatchkeyError(
                .configuration, "DATABASE_URL is not a PostgreSQL connection URI",
                hint: "write postgresql://USER:PASSWORD@HOST:PORT/DATABASE, with %XX for odd characters")
        }
        PQconninfoFree(options)
        self.url = url
        self.connections = max(Self.fewestConnections, connections)
        self.patience = patience
        self.waiting = waiting
    }

    var statementMilliseconds: Int { Int(max(1, patience.components.seconds)) * 1000 }

    static let readers = 2
    var workers: Int { connections - Self.readers - 2 }

    /// libpq's keywords and values, NULL at their end. What the URL says wins over what is said here.
    func withKeywords<R>(
        _ body: (UnsafePointer<UnsafePointer<CChar>?>?, UnsafePointer<UnsafePointer<CChar>?>?) -> R
    ) -> R {
        Self.plainDates()
        let pairs = [
            ("application_name", "latchkey"), ("client_encoding", "UTF8"),
            // A host that does not answer is passed over after this many seconds.
            ("connect_timeout", "2"),
            // Of several hosts the primary is meant; of one, it has to be it.
            ("target_session_attrs", "read-write"),
            // A server that is gone without a word is found out in seconds and not in hours.
            ("keepalives_idle", "5"), ("keepalives_interval", "2"), ("keepalives_count", "3"),
            ("tcp_user_timeout", "8000"),
            // libpq puts the URL's parts in place of this one; what comes later wins.
            ("dbname", url),
        ]
        let names = pairs.map { strdup($0.0) }
        let values = pairs.map { strdup($0.1) }
        defer { for text in names + values { free(text) } }
        let nameList = names.map { UnsafePointer($0) } + [nil]
        let valueList = values.map { UnsafePointer($0) } + [nil]
        return nameList.withUnsafeBufferPointer { names in
            valueList.withUnsafeBufferPointer { body(names.baseAddress, $0.baseAddress) }
        }
    }

    /// Times as `2026-01-31 23:59:59.123456` in UTC, whatever the server's settings are. libpq sends these with the
    /// connection request; PgBouncer keeps them apart for each client too, which it does with no later SET.
    private static func plainDates() { _ = areDatesPlain }
    private static let areDatesPlain = setenv("PGDATESTYLE", "ISO", 1) == 0 && setenv("PGTZ", "UTC", 1) == 0
}
