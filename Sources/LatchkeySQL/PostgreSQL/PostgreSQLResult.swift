import CLibPQ
import LatchkeyCore

/// What one statement answered: rows in text form, or a count, or an error's SQLSTATE.
// SAFETY: a PGresult does not change once libpq has handed it over, and this is its only owner.
final class PostgreSQLResult: @unchecked Sendable {
    private let handle: OpaquePointer

    init(_ handle: OpaquePointer) { self.handle = handle }

    deinit { PQclear(handle) }

    var status: ExecStatusType { PQresultStatus(handle) }

    var rowCount: Int { Int(PQntuples(handle)) }

    /// How many rows a statement that writes has changed.
    var changedRows: Int {
        guard let text = PQcmdTuples(handle) else { return 0 }
        return Int(String(cString: text)) ?? 0
    }

    /// `COMMIT`, `INSERT 0 1`, …
    var commandTag: String { PQcmdStatus(handle).map { String(cString: $0) } ?? "" }

    var sqlState: SQLState? {
        guard let text = PQresultErrorField(handle, SQLState.field) else { return nil }
        return SQLState(rawValue: String(cString: text))
    }

    func forEachRow(_ body: (any SQLRow) throws -> Void) rethrows {
        for row in 0..<PQntuples(handle) { try body(PostgreSQLRow(result: handle, row: row)) }
    }
}

/// Reads a result in place; used only while the result is alive.
private struct PostgreSQLRow: SQLRow {
    let result: OpaquePointer
    let row: Int32

    func withText<R>(_ column: Int, _ body: (UnsafeBufferPointer<UInt8>) -> R) -> R? {
        let column = Int32(truncatingIfNeeded: column)
        guard column < PQnfields(result), PQgetisnull(result, row, column) == 0,
            let value = PQgetvalue(result, row, column)
        else { return nil }
        let count = Int(PQgetlength(result, row, column))
        return value.withMemoryRebound(to: UInt8.self, capacity: count) {
            body(UnsafeBufferPointer(start: $0, count: count))
        }
    }

    func text(_ column: Int) -> String? { withText(column) { String(decoding: $0, as: UTF8.self) } }

    func bytes(_ column: Int) -> [UInt8]? { withText(column) { Array($0) } }

    func integer(_ column: Int) -> Int64? {
        withText(column) { digits in Int64(String(decoding: digits, as: UTF8.self)) } ?? nil
    }

    func bool(_ column: Int) -> Bool? {
        withText(column) { text in
            switch text.first {
            case UInt8(ascii: "t"): true
            case UInt8(ascii: "f"): false
            default: nil
            }
        } ?? nil
    }
}
