import LatchkeyCrypto

/// The name of a model as an answer or a request gives it.
enum ModelName {
    static let mostBytes = 256

    /// - Parameter text: what stands between the quotes.
    /// - Returns: nil for an empty name, one with control characters, one too long: it goes into lists and logs.
    static func read(_ text: some Collection<UInt8>) -> String? {
        guard text.count <= mostBytes, let name = decoded(text), !name.isEmpty,
            !name.contains(where: { $0 < 0x20 || $0 == 0x7f })
        else { return nil }
        return String(validating: name, as: UTF8.self)
    }

    /// What a string of JSON stands for; nil for what is none.
    static func decoded(_ text: some Collection<UInt8>) -> [UInt8]? {
        guard text.contains(UInt8(ascii: "\\")) else { return Array(text) }
        let quoted = [UInt8(ascii: "\"")] + text + [UInt8(ascii: "\"")]
        guard case .string(let string)? = try? StrictJSON.parse(quoted) else { return nil }
        return string.bytes
    }
}
