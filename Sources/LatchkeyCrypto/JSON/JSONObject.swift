/// A JSON object. No two members have one name, compared as decoded bytes.
public struct JSONObject: Sendable {
    /// The members in the order they were written.
    public let members: [(name: JSONString, value: JSONValue)]

    init(members: [(name: JSONString, value: JSONValue)]) {
        self.members = members
    }

    /// The value of the member whose name has exactly these UTF-8 bytes.
    public subscript(_ name: String) -> JSONValue? {
        for member in members where member.name.bytes.elementsEqual(name.utf8) { return member.value }
        return nil
    }

    /// The names in the order they were written.
    public var names: [String] { members.map(\.name.string) }
}
