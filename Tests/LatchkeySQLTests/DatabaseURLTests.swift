import LatchkeyCore
import LatchkeySQL
import LatchkeyTesting
import Testing

struct DatabaseURLTests {
    @Test(arguments: ["a.db", "./a.db", "/var/lib/latchkey/a.db", ".latchkey/latchkey.db", "a b.db", "sqlite:a"])
    func `the rest of a sqlite URL is the path`(path: String) throws {
        #expect(try DatabaseURL("sqlite:" + path) == .sqlite(path: path))
    }

    @Test(
        arguments: [
            "", "sqlite:", "sqlite::memory:", "sqlite://a.db", "sqlite:///a.db", "SQLITE:a.db", "sqlite", "a.db",
            " sqlite:a.db", "postgresql://user:CANARY@host/db", "postgres://user:CANARY@host/db",
            "mysql://user:CANARY@host/db", "file:a.db",
        ])
    func `anything else is refused, and the text is in no sentence`(text: String) {
        let error = #expect(throws: LatchkeyError.self) { try DatabaseURL(text) }
        #expect(error?.code == .configuration)
        #expect(error.map { !"\($0) \($0.hint ?? "")".contains("CANARY") } == true)
        #expect(error?.hint?.isEmpty == false)
    }
}
