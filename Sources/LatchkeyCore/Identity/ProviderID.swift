/// A provider's id in the catalogue, such as `openai`: 1 to 50 of `a-z`, `0-9` and `-`.
public struct ProviderID: Sendable, Hashable {
    public let text: String

    /// - Returns: nil when the text is not of the form; whether the catalogue knows it is another question.
    public init?(_ text: String) {
        let bytes = text.utf8
        guard (1...50).contains(bytes.count) else { return nil }
        for byte in bytes where !isLowercaseLetterDigitOrHyphen(byte) { return nil }
        self.text = text
    }
}

private func isLowercaseLetterDigitOrHyphen(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"): true
    default: false
    }
}
