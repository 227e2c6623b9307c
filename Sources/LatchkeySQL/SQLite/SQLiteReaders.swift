import Synchronization

/// A few read-only connections, each under its own lock, prepared statements kept.
///
/// A point read takes some microseconds, less than any hop to another thread would: it runs where it is called, on the
/// event loop too. WAL readers never wait for the writer.
final class SQLiteReaders: Sendable {
    private let slots: [Slot]
    private let next = Atomic<Int>(0)

    // SAFETY: the connection is reached through the mutex only.
    private final class Slot: @unchecked Sendable {
        private let lock = Mutex<Void>(())
        private let connection: SQLiteConnection

        init(_ connection: SQLiteConnection) { self.connection = connection }

        func tryRead(_ body: (SQLiteConnection) throws -> Void) throws -> Bool {
            try lock.withLockIfAvailable { _ in try body(connection) } != nil
        }

        func close() {
            lock.withLock { _ in connection.close() }
        }

        func read(_ body: (SQLiteConnection) throws -> Void) throws {
            try lock.withLock { _ in try body(connection) }
        }
    }

    init(path: String, count: Int) throws {
        slots = try (0..<max(1, count)).map { _ in Slot(try SQLiteConnection(readingFrom: path)) }
    }

    func read(_ body: (SQLiteConnection) throws -> Void) throws {
        let start = next.wrappingAdd(1, ordering: .relaxed).oldValue
        for offset in 0..<slots.count {
            if try slot(start &+ offset).tryRead(body) { return }
        }
        try slot(start).read(body)
    }

    func close() {
        for slot in slots { slot.close() }
    }

    private func slot(_ index: Int) -> Slot { slots[Int(UInt(bitPattern: index) % UInt(slots.count))] }
}
