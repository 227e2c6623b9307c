package import Hummingbird
import LatchkeyCore

/// What one request carries along: its id.
package struct LatchkeyRequestContext: RequestContext {
    package var coreContext: CoreRequestContextStorage
    package var requestID = ""

    package init(source: Source) {
        coreContext = CoreRequestContextStorage(source: source)
    }
}

/// Ids for requests and answers: the caller's own when it is a plain word, else a random one.
enum RequestID {
    static func accept(_ given: String?) -> String? {
        guard let given, (1...64).contains(given.utf8.count), given.utf8.allSatisfy(isPlain) else { return nil }
        return given
    }

    /// 96 random bits, 24 hexadecimal digits.
    static func make() -> String {
        var generator = SystemRandomNumberGenerator()
        let high = generator.next()
        let low = generator.next()
        return String(unsafeUninitializedCapacity: 24) { text in
            for index in 0..<24 {
                let word = index < 16 ? high : low
                let nibble = UInt8(truncatingIfNeeded: (word >> UInt64((index % 16) * 4)) & 15)
                text[index] = nibble < 10 ? UInt8(ascii: "0") + nibble : UInt8(ascii: "a") + nibble - 10
            }
            return 24
        }
    }

    private static func isPlain(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "-"):
            true
        default: false
        }
    }
}
