/// `application/x-www-form-urlencoded`, as OAuth uses it in queries and bodies (RFC 6749, appendix B).
enum FormText {
    /// `name=value&…`: everything but the unreserved characters of RFC 3986 is escaped, so that no reader can take a part
    /// of a value for anything else.
    static func encode(_ pairs: [(name: String, value: String)]) -> String {
        pairs.map { "\(encode($0.name))=\(encode($0.value))" }.joined(separator: "&")
    }

    static func encode(_ text: some StringProtocol) -> String {
        String(decoding: encode(bytes: Array(text.utf8)), as: UTF8.self)
    }

    static func encode(bytes: [UInt8]) -> [UInt8] {
        var encoded: [UInt8] = []
        encoded.reserveCapacity(bytes.count)
        for byte in bytes {
            if isUnreserved(byte) {
                encoded.append(byte)
            } else {
                encoded += [UInt8(ascii: "%"), digits[Int(byte >> 4)], digits[Int(byte & 15)]]
            }
        }
        return encoded
    }

    /// The values of the names that are known, decoded. What is not known is passed over (RFC 6749, section 4.1.2).
    ///
    /// - Returns: nil when one of them is there twice, or is written in a way that leaves open what it stands for.
    static func decode(_ query: some StringProtocol, known: Set<String>) -> [String: [UInt8]]? {
        var values: [String: [UInt8]] = [:]
        for pair in Array(query.utf8).split(separator: UInt8(ascii: "&")) {
            let parts = pair.split(separator: UInt8(ascii: "="), maxSplits: 1, omittingEmptySubsequences: false)
            guard let name = parts.first.flatMap(decode), let value = decode(parts.count > 1 ? parts[1] : []) else {
                return nil
            }
            guard let name = known.first(where: { $0.utf8.elementsEqual(name) }) else { continue }
            guard values.updateValue(value, forKey: name) == nil else { return nil }
        }
        return values
    }

    /// nil for a percent sign without two digits behind it.
    private static func decode(_ text: ArraySlice<UInt8>) -> [UInt8]? {
        var decoded: [UInt8] = []
        decoded.reserveCapacity(text.count)
        var rest = text
        while let byte = rest.popFirst() {
            switch byte {
            case UInt8(ascii: "+"): decoded.append(UInt8(ascii: " "))
            case UInt8(ascii: "%"):
                guard let high = rest.popFirst().flatMap(value), let low = rest.popFirst().flatMap(value) else {
                    return nil
                }
                decoded.append(high << 4 | low)
            default: decoded.append(byte)
            }
        }
        return decoded
    }

    private static func isUnreserved(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"),
            UInt8(ascii: "~"):
            true
        default: false
        }
    }

    private static func value(_ digit: UInt8) -> UInt8? {
        switch digit {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): digit - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): digit - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): digit - UInt8(ascii: "A") + 10
        default: nil
        }
    }

    private static let digits = Array("0123456789ABCDEF".utf8)
}
