import LatchkeyCrypto

/// What a token's header says, judged by form alone: by which key and under which algorithm the token claims to be signed.
///
/// Members that bring a key along, lead to one, or change what is verified are refused rather than ignored (RFC 7515,
/// sections 4.1.2 to 4.1.11; RFC 7797).
struct TokenHeader {
    /// To be compared with what is allowed, never to be believed.
    let algorithm: [UInt8]
    let keyID: TokenKeyID

    /// - Parameters:
    ///   - types: what `typ` may say, in lower case; it may be left out.
    ///   - takesThumbprint: whether `x5t` may stand beside `kid`. It is not looked at.
    init?(_ header: JSONObject, types: [String], takesThumbprint: Bool = false) {
        for name in ["crit", "jwk", "jku", "x5u", "x5c", "b64", "zip", "enc"] where header[name] != nil { return nil }
        if !takesThumbprint, header["x5t"] != nil || header["x5t#S256"] != nil { return nil }
        guard case .string(let algorithm)? = header["alg"] else { return nil }
        switch header["typ"] {
        case nil: break
        case .string(let type) where types.contains(type.string.lowercased()): break
        default: return nil
        }
        switch header["kid"] {
        case nil: keyID = TokenKeyID(bytes: nil)
        case .string(let kid) where TokenKeys.isKeyID(kid.bytes): keyID = TokenKeyID(bytes: kid.bytes)
        default: return nil
        }
        self.algorithm = algorithm.bytes
    }
}
