import LatchkeyCore
import LatchkeySQL
import LatchkeyTesting
import Testing

struct DatabaseURLTests {
    @Test(arguments: ["a.db", "./a.db", "/var/lib/latchkey/a.db", ".latchkey/latchkey.db", "a b.db", "sqlite:a"])
    func `the rest of a sqlite URL is the path`(path: String) throws {
        #expect(try DatabaseURL("sqlite:" + path) == .sqlite(path: path))
    }

    @Test(arguments: ["postgresql://user:pw@host/db", "postgres://a,b:1/db?sslmode=verify-full", "postgresql:///db"])
    func `a PostgreSQL URL is libpq's business`(url: String) throws {
        #expect(try DatabaseURL(url) == .postgresql(url: url))
        _ = try PostgreSQLConfiguration(url: url)
    }

    @Test(arguments: ["postgresql://user:CANARY%@host/db", "postgresql://h/db?CANARY=1", "postgresql://[CANARY/db"])
    func `one that libpq does not read is refused, and is in no sentence`(url: String) {
        let error = #expect(throws: LatchkeyError.self) { try PostgreSQLConfiguration(url: url) }
        #expect(error?.code == .configuration)
        #expect(error.map { !"\($0) \($0.hint ?? "")".contains("CANARY") } == true)
    }

    @Test(
        arguments: [
            "", "sqlite:", "sqlite::memory:", "sqlite://a.db", "sqlite:///a.db", "SQLITE:a.db", "sqlite", "a.db",
            " sqlite:a.db", "postgresql:user:CANARY@host/db", "postgresql+psycopg2://user:CANARY@host/db",
            "mysql://user:CANARY@host/db", "file:a.db",
        ])
    func `anything else is refused, and the text is in no sentence`(text: String) {
        let error = #expect(throws: LatchkeyError.self) { try DatabaseURL(text) }
        #expect(error?.code == .configuration)
        #expect(error.map { !"\($0) \($0.hint ?? "")".contains("CANARY") } == true)
        #expect(error?.hint?.isEmpty == false)
    }
}
