/// A reader of JSON (RFC 8259) that leaves nothing to interpretation.
///
/// Two readers that disagree about one text are how a check is passed with one value and a use made of another, so
/// whatever RFC 8259 leaves open is refused: duplicate names (also when one is spelled with escapes), lone surrogates,
/// a byte order mark, bytes after the value.
public enum StrictJSON {
    /// The deepest nesting that can be asked for. The reader recurses, so this bounds its stack.
    public static let deepestNesting = 128

    /// Reads one value.
    ///
    /// - Parameters:
    ///   - bytes: the text, UTF-8.
    ///   - maximumDepth: how many arrays and objects may lie within one another; more than `deepestNesting` is read as
    ///     that.
    /// - Returns: the value, with numbers as text and strings as bytes.
    /// - Throws: ``JSONParseError`` with the kind of fault and its place.
    public static func parse(
        _ bytes: UnsafeRawBufferPointer, maximumDepth: Int = 32
    ) throws(JSONParseError) -> JSONValue {
        var reader = try StrictJSONReader(bytes, maximumDepth: min(maximumDepth, deepestNesting))
        return try reader.document()
    }

    /// Reads one value, as the other `parse` does.
    public static func parse(_ bytes: [UInt8], maximumDepth: Int = 32) throws(JSONParseError) -> JSONValue {
        let result: Result<JSONValue, JSONParseError> = bytes.withUnsafeBytes { buffer in
            do throws(JSONParseError) {
                return .success(try parse(buffer, maximumDepth: maximumDepth))
            } catch {
                return .failure(error)
            }
        }
        return try result.get()
    }
}

/// Builds the tree of values from the tokens.
private struct StrictJSONReader {
    private var scanner: JSONScanner
    private let maximumDepth: Int

    init(_ bytes: UnsafeRawBufferPointer, maximumDepth: Int) throws(JSONParseError) {
        scanner = try JSONScanner(bytes)
        self.maximumDepth = maximumDepth
    }

    mutating func document() throws(JSONParseError) -> JSONValue {
        scanner.skipSpace()
        guard !scanner.isAtEnd else { throw JSONParseError(.empty, at: scanner.offset) }
        let value = try value(depth: 0)
        scanner.skipSpace()
        guard scanner.isAtEnd else { throw JSONParseError(.trailingBytes, at: scanner.offset) }
        return value
    }

    private mutating func value(depth: Int) throws(JSONParseError) -> JSONValue {
        switch scanner.peek() {
        case UInt8(ascii: "{"): return .object(try object(depth: depth + 1))
        case UInt8(ascii: "["): return .array(try array(depth: depth + 1))
        case UInt8(ascii: "\""): return .string(try string())
        case UInt8(ascii: "t"):
            try scanner.expect("true")
            return .bool(true)
        case UInt8(ascii: "f"):
            try scanner.expect("false")
            return .bool(false)
        case UInt8(ascii: "n"):
            try scanner.expect("null")
            return .null
        default: return .number(JSONNumber(text: try scanner.number()))
        }
    }

    private mutating func string() throws(JSONParseError) -> JSONString {
        JSONString(bytes: scanner.bytes(of: try scanner.string()))
    }

    private mutating func array(depth: Int) throws(JSONParseError) -> [JSONValue] {
        try checkDepth(depth)
        try scanner.expect("[")
        scanner.skipSpace()
        var values: [JSONValue] = []
        if scanner.skip("]") { return values }
        while true {
            scanner.skipSpace()
            values.append(try value(depth: depth))
            scanner.skipSpace()
            if scanner.skip("]") { return values }
            try scanner.expect(",")
        }
    }

    private mutating func object(depth: Int) throws(JSONParseError) -> JSONObject {
        try checkDepth(depth)
        try scanner.expect("{")
        scanner.skipSpace()
        var members: [(name: JSONString, value: JSONValue)] = []
        if scanner.skip("}") { return JSONObject(members: members) }
        var names = MemberNames()
        while true {
            scanner.skipSpace()
            let start = scanner.offset
            let name = try string()
            guard names.insert(name.bytes) else { throw JSONParseError(.duplicateMember, at: start) }
            scanner.skipSpace()
            try scanner.expect(":")
            scanner.skipSpace()
            members.append((name, try value(depth: depth)))
            scanner.skipSpace()
            if scanner.skip("}") { return JSONObject(members: members) }
            try scanner.expect(",")
        }
    }

    private func checkDepth(_ depth: Int) throws(JSONParseError) {
        guard depth <= maximumDepth else { throw JSONParseError(.tooDeep, at: scanner.offset) }
    }
}

/// The names an object has had so far. Few are compared one by one; many go to a set, so that an object with thousands
/// of members does not cost the square of their number.
private struct MemberNames {
    private var few: [[UInt8]] = []
    private var many: Set<[UInt8]> = []

    /// Whether the name is new.
    mutating func insert(_ name: [UInt8]) -> Bool {
        guard few.count >= 8 else {
            guard !few.contains(name) else { return false }
            few.append(name)
            return true
        }
        if many.isEmpty { many = Set(few) }
        return many.insert(name).inserted
    }
}
