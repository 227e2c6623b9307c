import LatchkeyCore

/// A statement with its values, ready to be sent: made where the request is, so that a value that cannot be sent is its
/// caller's trouble alone.
struct PostgreSQLCall: Sendable {
    let statement: SQLStatement
    let parameters: PostgreSQLParameters
    /// Whose rows it may see, for a statement whose scope is its owner.
    let user: PostgreSQLParameters

    init(_ statement: SQLStatement, _ values: [SQLValue]) throws {
        self.statement = statement
        parameters = try PostgreSQLParameters(values)
        user = statement.scope == .owner ? try PostgreSQLParameters(Array(values.prefix(1))) : .none
    }

    // What row-level security asks for (Schema+Isolation.swift). `true`: until the end of the transaction only, so that
    // it never reaches another one on the same connection, through a pooler either.
    static let setUser = SQLStatement("scope.user", "SELECT set_config('latchkey.user_id', $1, true)")
    static let seeEveryone = SQLStatement(
        "scope.everyone", "SELECT set_config('latchkey.scope', 'everyone', true)")
    static let seeOneUser = SQLStatement("scope.one_user", "SELECT set_config('latchkey.scope', '', true)")
}

/// The values of one statement as libpq takes them: NUL-terminated text, one buffer for all.
struct PostgreSQLParameters: Sendable {
    static let none = PostgreSQLParameters()

    private var bytes: [UInt8] = []
    /// Where each value begins; nil for NULL.
    private var offsets: [Int?] = []

    private init() {}

    /// - Throws: `store_unavailable` for text with a NUL, which PostgreSQL does not keep.
    init(_ values: [SQLValue]) throws {
        bytes.reserveCapacity(values.count * 24)
        offsets.reserveCapacity(values.count)
        for value in values { try append(value) }
    }

    private mutating func append(_ value: SQLValue) throws {
        if case .null = value { return offsets.append(nil) }
        let start = bytes.count
        offsets.append(start)
        switch value {
        case .null: break
        case .integer(let number): bytes.append(contentsOf: "\(number)".utf8)
        case .bool(let flag): bytes.append(flag ? UInt8(ascii: "t") : UInt8(ascii: "f"))
        case .text(let text): bytes.append(contentsOf: text.utf8)
        case .utf8(let text): bytes.append(contentsOf: text)
        }
        guard !bytes[start...].contains(0) else {
            throw LatchkeyError(.storeUnavailable, "a value holds a NUL character, which PostgreSQL does not keep")
        }
        bytes.append(0)
    }

    func withPointers<R>(_ body: (Int32, UnsafePointer<UnsafePointer<CChar>?>?) -> R) -> R {
        bytes.withUnsafeBytes { buffer in
            let base = buffer.baseAddress?.assumingMemoryBound(to: CChar.self)
            let pointers = offsets.map { offset in offset.flatMap { base?.advanced(by: $0) } }
            return pointers.withUnsafeBufferPointer { body(Int32($0.count), $0.baseAddress) }
        }
    }
}
