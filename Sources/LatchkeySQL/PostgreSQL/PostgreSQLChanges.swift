import Foundation
import LatchkeyCore
import Synchronization

/// What other nodes have changed, heard through LISTEN and told through NOTIFY.
///
/// A notification is sent after the commit, in the appender's next batch, and not by a trigger within it: PostgreSQL lets
/// transactions that notify commit one at a time, which would take away the shared waits for the disk
/// (docs/decisions/008-postgresql.md). One that is lost with its node costs nothing but freshness: a hand-out checks the
/// row in the transaction of its audit event.
// SAFETY: what changes is in the atomics, or used by the listening thread only.
final class PostgreSQLChanges: SQLChangeFeed, @unchecked Sendable {
    private let configuration: PostgreSQLConfiguration
    private let appender: PostgreSQLAppender
    private let observers = Mutex<[SQLChangeObserver]>([])
    /// Monotonic milliseconds of the last sign of life, 0 while nothing is heard.
    private let heardAt = Atomic<Int64>(0)
    private let isClosed = Atomic<Bool>(false)
    private let ended = DispatchSemaphore(value: 0)

    /// How long silence is taken for life. Every half of it the server is asked for a sign.
    private static let silence: Int64 = 1000

    init(_ configuration: PostgreSQLConfiguration, appender: PostgreSQLAppender) {
        self.configuration = configuration
        self.appender = appender
    }

    func observe(_ observer: SQLChangeObserver) {
        let isFirst = observers.withLock { observers in
            observers.append(observer)
            return observers.count == 1
        }
        guard isFirst else { return }
        let thread = Thread { [self] in
            while !isClosed.load(ordering: .relaxed) { listen() }
            ended.signal()
        }
        thread.name = "pg-listen"
        thread.start()
    }

    func announce(_ change: String) { appender.post(Self.notify, [.text(change)]) }

    var isLive: Bool {
        let heard = heardAt.load(ordering: .relaxed)
        return heard != 0 && Self.now() - heard <= Self.silence
    }

    func close() {
        isClosed.store(true, ordering: .relaxed)
        if observers.withLock({ !$0.isEmpty }) { ended.wait() }
    }

    /// One connection's life, and a pause.
    private func listen() {
        defer {
            heardAt.store(0, ordering: .relaxed)
            if !isClosed.load(ordering: .relaxed) { Thread.sleep(forTimeInterval: 0.2) }
        }
        guard let connection = try? PostgreSQLConnection(configuration) else { return }
        // A pooler gives the next transaction another server connection, and with it LISTEN is gone. Rows are then
        // believed for as long as nobody listens: a second at most.
        guard !connection.isPooled else { return waitForClose(seconds: 60) }
        do {
            try ask(Self.subscribe, connection)
            // What was changed before this moment may have been missed.
            for observer in observers.withLock({ $0 }) { observer.missed() }
            while !isClosed.load(ordering: .relaxed) {
                heardAt.store(Self.now(), ordering: .relaxed)
                let half = ContinuousClock.Instant.now + .milliseconds(Self.silence / 2)
                if PostgreSQLConnection.wait(for: Int16(POLLIN), on: connection.socket, until: half) {
                    let payloads = try connection.notifications()
                    guard connection.isUsable else { return }
                    for observer in observers.withLock({ $0 }) {
                        for payload in payloads { observer.changed(payload) }
                    }
                } else {
                    try ask(SettingStatements.one, connection)
                }
            }
        } catch {}
    }

    private func ask(_ statement: SQLStatement, _ connection: PostgreSQLConnection) throws {
        let deadline = ContinuousClock.Instant.now + .milliseconds(Self.silence / 2)
        try connection.send(statement, .none)
        try connection.sendSync()
        _ = try connection.receive(until: deadline)
        _ = try connection.drain(until: deadline)
    }

    private func waitForClose(seconds: Int) {
        for _ in 0..<seconds * 10 where !isClosed.load(ordering: .relaxed) { Thread.sleep(forTimeInterval: 0.1) }
    }

    private static func now() -> Int64 {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000 + 1
    }

    private static let subscribe = SQLStatement("changes.listen", "LISTEN latchkey_changes")
    private static let notify = SQLStatement("changes.notify", "SELECT pg_notify('latchkey_changes', $1)")
}
