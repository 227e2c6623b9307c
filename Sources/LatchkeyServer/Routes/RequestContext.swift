package import Hummingbird
import LatchkeyCore
import NIOCore
import Synchronization

/// What one request carries along: its id, and the connection it came on.
package struct LatchkeyRequestContext: RequestContext {
    package var coreContext: CoreRequestContextStorage
    package var requestID = ""
    private let channel: any Channel

    package init(source: Source) {
        channel = source.channel
        coreContext = CoreRequestContextStorage(source: source)
    }

    /// The other end of the connection; asked for only where it matters.
    var peer: NetworkAddress? {
        channel.remoteAddress?.ipAddress.flatMap { NetworkAddress(parsing: $0.utf8) }
    }
}

/// Ids for requests and answers: the caller's own when it is a plain word, else a random one.
enum RequestID {
    static func accept(_ given: String?) -> String? {
        guard let given, (1...64).contains(given.utf8.count), given.utf8.allSatisfy(isPlain) else { return nil }
        return given
    }

    /// Drawn once a process: an id names a request, it is no secret, and a random number for each would be a system call.
    private static let process = UInt64.random(in: .min ... .max)
    private static let count = Atomic<UInt64>(0)

    /// 24 hexadecimal digits: 16 of this process, 8 that count (and start again after four thousand million).
    static func make() -> String {
        let high = process
        let low = count.wrappingAdd(1, ordering: .relaxed).newValue
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
