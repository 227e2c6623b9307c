import Crypto
import Foundation

/// Tokens made by hand from texts, so that each can be wrong in exactly one way. Nothing of the library under test, nor of
/// the one it uses, takes part.
enum TokenForge {
    /// 64 bytes: long enough for each of the three hashes.
    static let secret = Array("a secret for tests only, sixty-four bytes of it, never to be used".utf8.prefix(64))
    /// What `TestClock` stands at unless it was moved.
    static let now: Int64 = 1_767_225_600
    static let header = #"{"alg":"HS256","typ":"JWT"}"#

    /// Claims that pass.
    static func claims(_ user: String, roles: [String] = []) -> String {
        let list = roles.map { "\"\($0)\"" }.joined(separator: ",")
        return #"{"sub":"\#(user)","exp":\#(now + 600),"roles":[\#(list)]}"#
    }

    static func token(
        header: String = header, claims: String, bits: Int = 256, key: [UInt8] = secret
    ) -> String {
        sign(base64URL(Array(header.utf8)) + "." + base64URL(Array(claims.utf8)), bits: bits, key: key)
    }

    /// Appends a right MAC to anything.
    static func sign(_ signed: String, bits: Int = 256, key: [UInt8] = secret) -> String {
        signed + "." + base64URL(mac(Array(signed.utf8), bits: bits, key: key))
    }

    static func user(_ user: String) -> String { token(claims: claims(user)) }
    static func admin(_ user: String) -> String { token(claims: claims(user, roles: ["admin"])) }

    static func mac(_ message: [UInt8], bits: Int = 256, key: [UInt8] = secret) -> [UInt8] {
        let key = SymmetricKey(data: key)
        switch bits {
        case 384: return Array(HMAC<SHA384>.authenticationCode(for: message, using: key))
        case 512: return Array(HMAC<SHA512>.authenticationCode(for: message, using: key))
        default: return Array(HMAC<SHA256>.authenticationCode(for: message, using: key))
        }
    }

    static func base64URL(_ bytes: [UInt8]) -> String {
        Data(bytes).base64EncodedString().replacing("+", with: "-").replacing("/", with: "_").replacing("=", with: "")
    }
}
