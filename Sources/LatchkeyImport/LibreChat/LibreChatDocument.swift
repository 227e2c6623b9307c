import LatchkeyCore
import LatchkeyCrypto

/// One document of LibreChat's collection `keys`, as `mongoexport` writes it (MongoDB Extended JSON).
struct LibreChatDocument {
    /// `_id`, for reports.
    var id: String?
    var userID: String
    /// The endpoint the key is for: `openAI`, `google`, or a name of the operator's own.
    var endpoint: String
    /// The sealed key.
    var value: [UInt8]
    var expiresAt: Timestamp?

    /// - Throws: `ImportRefusal`.
    init(_ bytes: [UInt8]) throws(ImportRefusal) {
        let parsed: JSONValue
        do throws(JSONParseError) { parsed = try StrictJSON.parse(bytes) } catch {
            throw .refused("it is not JSON (\(error.reason.rawValue) at byte \(error.offset))")
        }
        guard case .object(let object) = parsed else { throw .refused("it is no JSON object") }
        id = Self.identifier(object["_id"])
        guard let userID = Self.identifier(object["userId"]) else { throw .refused("it has no userId") }
        guard case .string(let name)? = object["name"] else { throw .refused("it has no name") }
        guard case .string(let value)? = object["value"] else { throw .refused("it has no value") }
        self.userID = userID
        endpoint = name.string
        self.value = value.bytes
        expiresAt = try Self.time(object["expiresAt"])
    }

    /// `{"$oid": "…"}`, or a plain text.
    private static func identifier(_ value: JSONValue?) -> String? {
        switch value {
        case .string(let text)?: return text.string
        case .object(let object)?:
            if case .string(let text)? = object["$oid"] { return text.string }
            return nil
        default: return nil
        }
    }

    /// `{"$date": "2027-…Z"}`, `{"$date": {"$numberLong": "1798…"}}`, or the older `{"$date": 1798…}`, the last two in
    /// milliseconds. A key that never expires has none, or null.
    private static func time(_ value: JSONValue?) throws(ImportRefusal) -> Timestamp? {
        let date: JSONValue
        switch value {
        case nil, .null?: return nil
        case .object(let object)?:
            guard let inner = object["$date"] else { throw .refused("its expiresAt is no date") }
            date = inner
        case let other?: date = other
        }
        var time: Timestamp?
        switch date {
        case .string(let text): time = Timestamp(parsing: text.string)
        case .number(let number): time = number.int64.flatMap(milliseconds)
        case .object(let object):
            if case .string(let digits)? = object["$numberLong"] { time = Int64(digits.string).flatMap(milliseconds) }
        default: break
        }
        guard let time else { throw .refused("its expiresAt is no date") }
        return time
    }

    private static func milliseconds(_ count: Int64) -> Timestamp? {
        guard let whole = Timestamp(unixSeconds: count / 1000) else { return nil }
        return Timestamp(microseconds: whole.microseconds + count % 1000 * 1000)
    }
}
