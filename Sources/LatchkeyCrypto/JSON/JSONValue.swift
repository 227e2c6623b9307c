/// A JSON value (RFC 8259), as it was written: numbers keep their text, strings their bytes, objects their order.
public indirect enum JSONValue: Sendable {
    case null
    case bool(Bool)
    case number(JSONNumber)
    case string(JSONString)
    case array([JSONValue])
    case object(JSONObject)
}
