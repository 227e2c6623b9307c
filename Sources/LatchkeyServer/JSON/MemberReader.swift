import LatchkeyCore
import LatchkeyCrypto

/// The members of a request's JSON object, each asked for by name and type. What was not asked for is an error: a member
/// that is silently ignored is a wish that is silently not granted.
struct MemberReader {
    private let object: JSONObject
    private var asked: [String] = []

    init(_ value: JSONValue) throws(LatchkeyError) {
        guard case .object(let object) = value else { throw LatchkeyError(.wrongType, "the body is not a JSON object") }
        self.object = object
    }

    private mutating func value(_ name: String) -> JSONValue? {
        asked.append(name)
        if case .null? = object[name] { return nil }
        return object[name]
    }

    mutating func string(_ name: String) throws(LatchkeyError) -> String? {
        try bytes(name).map { String(decoding: $0, as: UTF8.self) }
    }

    mutating func bytes(_ name: String) throws(LatchkeyError) -> [UInt8]? {
        switch value(name) {
        case nil: return nil
        case .string(let text): return text.bytes
        default: throw wrongType(name, "a text")
        }
    }

    mutating func bool(_ name: String) throws(LatchkeyError) -> Bool? {
        switch value(name) {
        case nil: return nil
        case .bool(let flag): return flag
        default: throw wrongType(name, "true or false")
        }
    }

    mutating func texts(_ name: String) throws(LatchkeyError) -> [String: String]? {
        guard let value = value(name) else { return nil }
        guard case .object(let map) = value else { throw wrongType(name, "an object of texts") }
        var texts: [String: String] = [:]
        for member in map.members {
            guard case .string(let text) = member.value else { throw wrongType(name, "an object of texts") }
            texts[member.name.string] = text.string
        }
        return texts
    }

    mutating func integer(_ name: String) throws(LatchkeyError) -> Int64? {
        switch value(name) {
        case nil: return nil
        case .number(let number):
            guard let integer = number.int64 else { throw wrongType(name, "a whole number") }
            return integer
        default: throw wrongType(name, "a whole number")
        }
    }

    mutating func list(_ name: String) throws(LatchkeyError) -> [JSONValue]? {
        switch value(name) {
        case nil: return nil
        case .array(let values): return values
        default: throw wrongType(name, "a list")
        }
    }

    mutating func object(_ name: String) throws(LatchkeyError) -> JSONObject? {
        switch value(name) {
        case nil: return nil
        case .object(let object): return object
        default: throw wrongType(name, "an object")
        }
    }

    /// RFC 3339, or seconds since 1970.
    mutating func time(_ name: String) throws(LatchkeyError) -> Timestamp? {
        switch value(name) {
        case nil: return nil
        case .string(let text):
            if text.string.utf8.contains(UInt8(ascii: "T")), let time = Timestamp(parsing: text.string) { return time }
        case .number(let number):
            if let seconds = number.int64, let time = Timestamp(unixSeconds: seconds) { return time }
        default: throw wrongType(name, "a time")
        }
        throw LatchkeyError(
            .invalidExpiry, "\(name) is not a time",
            hint: "write RFC 3339 such as 2027-01-31T00:00:00Z, or seconds since 1970")
    }

    func required<Value>(_ name: String, _ value: Value?) throws(LatchkeyError) -> Value {
        if value == nil, case .null? = object[name] {
            throw LatchkeyError(.wrongType, "the member \(name) is null, and it is needed")
        }
        guard let value else { throw LatchkeyError(.missingMember, "the member \(name) is missing") }
        return value
    }

    /// - Throws: `unknown_member`, naming it when it is a plain word: the name is the caller's text.
    func finish() throws(LatchkeyError) {
        for member in object.members where !asked.contains(where: { $0.utf8.elementsEqual(member.name.bytes) }) {
            let name = member.name.string
            let isPlain = name.utf8.count <= 32 && name.utf8.allSatisfy { isPlainByte($0) }
            throw LatchkeyError(
                .unknownMember, isPlain ? "the member \(name) is not known here" : "a member is not known here")
        }
    }

    private func isPlainByte(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte) || byte == UInt8(ascii: "_")
    }

    private func wrongType(_ name: String, _ expected: String) -> LatchkeyError {
        LatchkeyError(.wrongType, "the member \(name) is not \(expected)")
    }
}
