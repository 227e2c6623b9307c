import Fernet
import LatchkeyCrypto

/// A Fernet token as it lies in somebody's table.
struct FernetToken {
    /// The token's text, freed from what a column or a program wrapped it in.
    let text: [UInt8]

    /// How the text of every token begins that was made before the year 2106: version 0x80, and zeros of the time.
    private static let beginning = Array("gAAAA".utf8)

    /// - Parameter column: the column's bytes: the token; or in PostgreSQL's text form of bytea (`\x6741…`); or, as some
    ///   programs store it, the token in base64 once more.
    init(_ column: [UInt8]) {
        var text = Self.trimmed(column)
        if text.starts(with: Array(#"\x"#.utf8)), let bytes = HexText.bytes(Array(text.dropFirst(2))) {
            text = Self.trimmed(bytes)
        }
        if !text.starts(with: Self.beginning), let inner = Self.unwrapped(text), inner.starts(with: Self.beginning) {
            text = inner
        }
        self.text = text
    }

    private static func trimmed(_ bytes: [UInt8]) -> [UInt8] { bytes.withUnsafeBytes { [UInt8]($0.trimmingBlanks) } }

    private static func unwrapped(_ text: [UInt8]) -> [UInt8]? {
        let urlSafe = text.map { byte in
            byte == UInt8(ascii: "+") ? UInt8(ascii: "-") : byte == UInt8(ascii: "/") ? UInt8(ascii: "_") : byte
        }
        return Base64URL.decode(urlSafe, padded: true)
    }

    /// - Returns: what the token holds; nil when it does not open.
    func open(with key: borrowing Secret) -> SharedSecret? {
        key.withUnsafeBytes { key in
            text.withUnsafeBytes { text in
                // No TTL: these tokens are years old, and one from a clock ahead of ours is as good.
                try? Fernet.open(text, key: key) { SharedSecret(Secret(copying: $0)) }
            }
        }
    }

    /// What is wrong with the token's own form; nil when it may be the key that is wrong. Reading it needs no key, so
    /// telling it gives nothing away.
    var fault: String? {
        if text.isEmpty { return "there is no token" }
        guard let bytes = Base64URL.decode(text, padded: true) else {
            return "the token is not base64url as Fernet writes it: cut off, or something else"
        }
        if bytes[0] != 0x80 { return "its version byte is \(bytes[0]), Fernet's is 128" }
        // Version, time, IV and MAC are 57 bytes, the rest is whole blocks of 16.
        if bytes.count < 73 || (bytes.count - 57) % 16 != 0 { return "the token is cut off (\(bytes.count) bytes)" }
        return nil
    }
}
