import Fernet
import LatchkeyCrypto

/// A compact JWS (RFC 7515, section 3.1) taken apart strictly, its signature not yet looked at. Nothing in it may be
/// believed.
///
/// Strict because JSON libraries differ on what they forgive: of a member that is there twice JSONDecoder takes the
/// first and JSONSerialization the last, and base64 decoders differ on unused bits. Here all of it is refused.
struct UnverifiedToken {
    static let maximumBytes = 8 * 1024

    let header: JSONObject
    let claims: JSONObject
    /// What the signature is over: the first two parts with their dot, as received.
    let signed: [UInt8]
    let signature: [UInt8]

    /// - Returns: nil when it is not of the form, or longer than `limit` bytes.
    init?(_ text: [UInt8], upTo limit: Int = maximumBytes) {
        guard text.count <= limit else { return nil }
        let parts = text.split(separator: UInt8(ascii: "."), maxSplits: 3, omittingEmptySubsequences: false)
        guard parts.count == 3, let header = Self.object(parts[0]), let claims = Self.object(parts[1]),
            let signature = Base64URL.decode(Array(parts[2]), padded: false), !signature.isEmpty
        else { return nil }
        self.header = header
        self.claims = claims
        self.signed = Array(text[..<parts[1].endIndex])
        self.signature = signature
    }

    private static func object(_ part: ArraySlice<UInt8>) -> JSONObject? {
        guard let bytes = Base64URL.decode(Array(part), padded: false),
            case .object(let object)? = try? StrictJSON.parse(bytes, maximumDepth: 16)
        else { return nil }
        return object
    }
}
