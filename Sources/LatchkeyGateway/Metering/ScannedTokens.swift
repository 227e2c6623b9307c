/// The name of a member while it comes in. Longer than any that is known: none of them.
struct NameBuffer {
    private var bytes = SIMD32<UInt8>()
    var count = 0

    @inline(__always)
    mutating func add(_ byte: UInt8) {
        if count < 32 { bytes[count] = byte }
        count &+= 1
    }

    func node(in node: UsageNode) -> UsageNode {
        guard count < 32 else { return .nothing }
        return withUnsafeBytes(of: bytes) { node.member(UnsafeRawBufferPointer(rebasing: $0[..<count])) }
    }
}

/// A number while it comes in.
struct ScalarReader {
    private var value: Int64 = 0
    private var hasDigits = false
    private var isFraction = false
    private var isOther = false
    private var nullCount = 0

    @inline(__always)
    mutating func add(_ byte: UInt8) {
        let digit = Int64(byte) - 0x30
        if digit >= 0, digit <= 9 {
            hasDigits = true
            if isFraction {
                isOther = isOther || digit != 0
            } else if value <= UsageFigures.most {
                // A trillion times ten and a digit is far from the end of what there is room for.
                value = value &* 10 &+ digit
            }
        } else if byte == UInt8(ascii: "."), hasDigits, !isFraction {
            isFraction = true
        } else {
            other(byte)
        }
    }

    private mutating func other(_ byte: UInt8) {
        let null: StaticString = "null"
        isOther = true
        if nullCount < 4, null.utf8Start[nullCount] == byte { nullCount += 1 } else { nullCount = 5 }
    }

    /// nil for what is no count: not a number, negative, with a fraction other than `.0`, out of all proportion.
    var integer: Int64? { hasDigits && !isOther && value <= UsageFigures.most ? value : nil }

    var isNull: Bool { nullCount == 4 && !hasDigits }
}
