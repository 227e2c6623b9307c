package import HTTPTypes
package import LatchkeyCore
import LatchkeyCrypto

/// Reads and writes the session's cookie for our own origin.
///
/// `__Host-` (RFC 6265bis, section 4.1.3.2): browsers take such a cookie from this host alone, by TLS and for every path,
/// so no neighbouring host can plant one. On this machine over plain http there is no such promise, and the name is
/// another one.
package struct SessionCookies: Sendable {
    private let origin: OwnOrigin

    package init(_ origin: OwnOrigin) { self.origin = origin }

    package var name: String { origin.isSecure ? "__Host-latchkey" : "latchkey" }

    /// The session cookie's value; nil with none, and with two: one of them was planted.
    package func value(in fields: HTTPFields) -> [UInt8]? {
        let values = Self.values(of: name, in: fields)
        return values.count == 1 ? values[0] : nil
    }

    /// Every value that was sent under a cookie's name.
    package static func values(of name: String, in fields: HTTPFields) -> [[UInt8]] {
        var values: [[UInt8]] = []
        for field in fields[values: .cookie] {
            for pair in field.utf8.split(separator: UInt8(ascii: ";")) {
                let pair = trimmed(pair)
                guard let equals = pair.firstIndex(of: UInt8(ascii: "=")),
                    pair[..<equals].elementsEqual(name.utf8)
                else { continue }
                values.append(Array(pair[pair.index(after: equals)...]))
            }
        }
        return values
    }

    private static func trimmed(_ pair: Substring.UTF8View) -> Substring.UTF8View {
        func isBlank(_ byte: UInt8?) -> Bool { byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t") }
        var pair = pair
        while isBlank(pair.first) { pair = pair.dropFirst() }
        while isBlank(pair.last) { pair = pair.dropLast() }
        return pair
    }

    /// Gives the browser its session, for as long as that lasts.
    package func set(_ made: WebSessions.Made, at now: Timestamp, in fields: inout HTTPFields) {
        let value = made.cookie.secret.withUnsafeBytes { String(decoding: $0, as: UTF8.self) }
        let seconds = max(made.session.expiresAt.unixSeconds - now.unixSeconds, 0)
        append(value, maxAge: seconds, to: &fields)
    }

    /// Takes it away.
    package func clear(in fields: inout HTTPFields) { append("", maxAge: 0, to: &fields) }

    private func append(_ value: String, maxAge: Int64, to fields: inout HTTPFields) {
        let secure = origin.isSecure ? "; Secure" : ""
        fields.append(
            HTTPField(
                name: .setCookie,
                value: "\(name)=\(value); Path=/; Max-Age=\(maxAge); HttpOnly; SameSite=Strict\(secure)"))
    }
}
