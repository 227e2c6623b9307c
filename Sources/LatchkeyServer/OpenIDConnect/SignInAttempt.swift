import Crypto
import LatchkeyCore
import LatchkeyCrypto

/// One sign-in that is under way in one browser: what its answer has to fit to.
///
/// It lies sealed in a cookie of that browser and nowhere else, so it costs no memory here, any node may take the answer,
/// and an answer that comes to another browser fits to nothing.
struct SignInAttempt: Sendable, Equatable {
    /// In the provider's answer again (RFC 6749, section 10.12).
    let state: [UInt8]
    /// In the ID token again (OpenID Connect Core, section 3.1.2.1).
    let nonce: [UInt8]
    /// PKCE's secret, of which the provider gets the digest first (RFC 7636).
    let verifier: [UInt8]
    /// Where the provider sends the browser back to; said twice, and both have to be one.
    let redirectURI: String
    let next: PagePath

    /// For how many seconds an attempt is good.
    static let lifetime: UInt64 = 600

    static func begin(redirectURI: String, next: PagePath) -> SignInAttempt {
        SignInAttempt(state: random(), nonce: random(), verifier: random(), redirectURI: redirectURI, next: next)
    }

    /// `BASE64URL(SHA256(verifier))` (RFC 7636, section 4.2).
    var challenge: String {
        String(decoding: Base64URLText.encode(Array(SHA256.hash(data: verifier))), as: UTF8.self)
    }

    /// 43 characters, 256 bits.
    private static func random() -> [UInt8] {
        Secret.random(count: 32).withUnsafeBytes { Base64URLText.encode(Array($0)) }
    }
}

// As bytes
extension SignInAttempt {
    /// One part a line. None can hold a line end: three are base64url, two are judged byte for byte.
    var encoded: [UInt8] {
        Array([state, nonce, verifier, Array(redirectURI.utf8), Array(next.text.utf8)].joined(separator: [newline]))
    }

    /// - Returns: nil for what `encoded` does not write.
    init?(_ encoded: [UInt8]) {
        let parts = encoded.split(separator: newline, omittingEmptySubsequences: false).map(Array.init)
        guard parts.count == 5, parts[..<3].allSatisfy({ $0.count == 43 }),
            let redirectURI = String(validating: parts[3], as: UTF8.self), let next = PagePath(parts[4])
        else { return nil }
        self.init(state: parts[0], nonce: parts[1], verifier: parts[2], redirectURI: redirectURI, next: next)
    }
}

private let newline = UInt8(ascii: "\n")
