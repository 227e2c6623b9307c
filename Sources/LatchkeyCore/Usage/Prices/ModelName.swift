/// When two spellings name one model. Providers answer with dated names (`gpt-4o-2024-08-06`) for what lists call
/// `gpt-4o`; and `gpt-4o-mini` is another model.
enum ModelName {
    /// In small letters, dots as dashes: `claude-3.5-haiku` and `claude-3-5-haiku` are one.
    static func normal(_ model: String) -> String {
        String(
            decoding: model.utf8.map { byte in
                switch byte {
                case UInt8(ascii: "A")...UInt8(ascii: "Z"): byte | 0x20
                case UInt8(ascii: "."): UInt8(ascii: "-")
                default: byte
                }
            }, as: UTF8.self)
    }

    /// The names the model may be listed under, the longest first: all of it, and each beginning of it that is followed by
    /// nothing but the marks of an edition.
    ///
    /// - Parameter model: as `normal` has it.
    static func candidates(_ model: String) -> [String] {
        let bytes = Array(model.utf8)
        var found = [model]
        for index in bytes.indices.reversed() where index > 0 && isBoundary(bytes[index]) {
            guard isEdition(bytes[(index + 1)...]) else { continue }
            found.append(String(decoding: bytes[..<index], as: UTF8.self))
        }
        return found
    }

    private static func isBoundary(_ byte: UInt8) -> Bool {
        byte == UInt8(ascii: "-") || byte == UInt8(ascii: "@") || byte == UInt8(ascii: ":")
    }

    /// Whether a text is words and dates that tell editions of one model apart.
    ///
    /// A number of one or two digits is none by itself: `claude-opus-4-1` is no edition of `claude-opus-4`, nor `gpt-5.2`
    /// of `gpt-5`. `beta`, `exp`, `fast`, `mini` and the like may have prices of their own.
    private static func isEdition(_ bytes: ArraySlice<UInt8>) -> Bool {
        let words = bytes.split(omittingEmptySubsequences: false, whereSeparator: isBoundary)
        var index = 0
        while index < words.count {
            guard let length = mark(Array(words[index...])) else { return false }
            index += length
        }
        return true
    }

    /// How many of the words at the beginning are one mark; nil for none.
    private static func mark(_ words: [ArraySlice<UInt8>]) -> Int? {
        let word = words[0]
        let second = words.count > 1 ? number(words[1]) : nil
        if word.elementsEqual("latest".utf8) { return 1 }
        if word.elementsEqual("preview".utf8) {
            // `preview-05-06`, `preview-09-2025`; or `preview` alone.
            guard words.count > 2, let second, let third = number(words[2]) else { return 1 }
            return isMonth(second) && (isDay(third) || isYear(third)) ? 3 : 1
        }
        if word.first == UInt8(ascii: "v"), (2...3).contains(word.count), number(word.dropFirst()) != nil {
            // `v1:0`
            return second != nil && words[1].count == 1 ? 2 : 1
        }
        guard let value = number(word) else { return nil }
        switch word.count {
        case 3: return value < 10 ? 1 : nil
        case 4:
            if isYear(value), words.count > 2, let second, let third = number(words[2]) {
                return isMonth(second) && isDay(third) ? 3 : nil
            }
            // `0613` is a day, `2411` a month.
            let (high, low) = value.quotientAndRemainder(dividingBy: 100)
            return isMonth(high) && isDay(low) || (20...39).contains(high) && isMonth(low) ? 1 : nil
        case 6: return isMonth(value / 100 % 100) && isDay(value % 100) ? 1 : nil
        case 8: return isYear(value / 10_000) && isMonth(value / 100 % 100) && isDay(value % 100) ? 1 : nil
        default: return nil
        }
    }

    private static func isYear(_ value: Int) -> Bool { (2020...2099).contains(value) }
    private static func isMonth(_ value: Int) -> Bool { (1...12).contains(value) }
    private static func isDay(_ value: Int) -> Bool { (1...31).contains(value) }

    private static func number(_ bytes: ArraySlice<UInt8>) -> Int? {
        guard (1...8).contains(bytes.count) else { return nil }
        var value = 0
        for byte in bytes {
            guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) else { return nil }
            value = value * 10 + Int(byte - UInt8(ascii: "0"))
        }
        return value
    }
}
