/// A JSON number, as its text. Nothing is rounded until a caller says what the number should be.
public struct JSONNumber: Sendable {
    /// The text, which follows the grammar of RFC 8259 section 6.
    public let text: [UInt8]

    init(text: [UInt8]) {
        self.text = text
    }

    /// The integer that was written, or nil if it is not written as one (`1.0` and `1e3` are not) or does not fit.
    public var int64: Int64? {
        let negative = text.first == UInt8(ascii: "-")
        var value: Int64 = 0
        for byte in negative ? text.dropFirst() : text[...] {
            guard byte >= UInt8(ascii: "0"), byte <= UInt8(ascii: "9") else { return nil }
            let digit = Int64(byte - UInt8(ascii: "0"))
            let shifted = value.multipliedReportingOverflow(by: 10)
            // Gathered below zero for negative numbers, because -2^63 has no positive counterpart.
            let next =
                negative
                ? shifted.partialValue.subtractingReportingOverflow(digit)
                : shifted.partialValue.addingReportingOverflow(digit)
            guard !shifted.overflow, !next.overflow else { return nil }
            value = next.partialValue
        }
        return value
    }

    /// The nearest double, or nil if the number is out of range.
    public var double: Double? {
        guard let value = Double(String(decoding: text, as: UTF8.self)), value.isFinite else { return nil }
        return value
    }
}
