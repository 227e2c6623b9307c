import ArgumentParser
import LatchkeySQL

/// Measures the PostgreSQL driver alone: the point read of `pgbench -S`, on pgbench's own table, through the driver that
/// the service uses. `make bench` compares the two.
@main
struct PointReads: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "LatchkeyBench", abstract: "Point reads through the PostgreSQL driver, a second.")

    @Option(help: "A database that `pgbench -i` has prepared.")
    var url: String
    @Option(help: "How many callers wait for an answer at once.")
    var clients = 16
    @Option(help: "How many seconds.")
    var seconds = 3
    @Option(help: "How many rows pgbench_accounts has.")
    var rows = 100_000
    @Flag(help: "Tell row-level security the owner before each read, as reads of users' rows do.")
    var scoped = false

    func run() async throws {
        let driver = try PostgreSQLDriver(try PostgreSQLConfiguration(url: url))
        let statement = SQLStatement(
            "bench.read", "SELECT abalance FROM pgbench_accounts WHERE aid = $1", scope: scoped ? .owner : .none)
        let rows = rows
        let began = ContinuousClock.now
        let end = began + .seconds(seconds)
        let count = await withTaskGroup(of: Int.self) { group in
            for _ in 0..<clients {
                group.addTask {
                    var done = 0
                    while ContinuousClock.now < end {
                        let id = SQLValue.integer(Int64.random(in: 1...Int64(rows)))
                        try? await driver.query(statement, [id]) { row in if row.integer(0) != nil { done += 1 } }
                    }
                    return done
                }
            }
            return await group.reduce(0, +)
        }
        let passed = ContinuousClock.now - began
        let duration = Double(passed.components.seconds) + Double(passed.components.attoseconds) / 1e18
        print("\(Int(Double(count) / duration))")
        await driver.close()
    }
}
