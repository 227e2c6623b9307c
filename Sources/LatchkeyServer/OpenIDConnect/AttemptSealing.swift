import Fernet
import LatchkeyCore
import LatchkeyCrypto

/// Seals an attempt into a cookie's value and opens it again, on any node that has the root.
///
/// The key is `D(D(root, "global", BE32(kid)), "oidc-attempt", issuer, client id)`: an attempt with one provider does not
/// open as one with another, when the settings change in between.
struct AttemptSealing: Sendable {
    let keyring: RootKeyring
    let rules: OIDCRules
    let clock: WallClock

    /// The longest value that is looked at, in bytes.
    static let maximumBytes = 2048

    /// `KID.TOKEN`, characters that a cookie may hold.
    func seal(_ attempt: SignInAttempt) async throws -> [UInt8] {
        let kid = keyring.primary
        let key = try await key(kid)
        let iv = Secret.random(count: 16).withUnsafeBytes { Array($0) }
        let token = try attempt.encoded.withUnsafeBytes { plaintext in
            try key.secret.withUnsafeBytes { try Fernet.seal(plaintext, key: $0, time: now, iv: iv) }
        }
        // Padding is left away: some readers of cookies stop at the equals sign.
        return Array("\(kid).".utf8) + token.prefix { $0 != UInt8(ascii: "=") }
    }

    /// - Returns: nil for what was not sealed here, is older than ten minutes, or is of another provider's sign-in.
    func open(_ value: [UInt8]) async throws -> SignInAttempt? {
        guard value.count <= Self.maximumBytes, let dot = value.firstIndex(of: UInt8(ascii: ".")),
            let kid = Self.kid(value[..<dot]), keyring.root(kid) != nil
        else { return nil }
        let key = try await key(kid)
        var token = Array(value[(dot + 1)...])
        token += [UInt8](repeating: UInt8(ascii: "="), count: (4 - token.count % 4) % 4)
        let opened = try? token.withUnsafeBytes { token in
            try key.secret.withUnsafeBytes { key in
                try Fernet.open(
                    token, key: key, ttl: Fernet.TTL(seconds: SignInAttempt.lifetime, now: now)
                ) { Array($0) }
            }
        }
        return opened.flatMap { SignInAttempt($0) }
    }

    private var now: UInt64 { UInt64(max(0, clock.now().unixSeconds)) }

    private func key(_ kid: UInt32) async throws -> SharedSecret {
        try await keyring.ownerKey(.global, kid: kid)
            .derive("oidc-attempt", [Array(rules.issuer.utf8), Array(rules.clientID.utf8)])
    }

    /// A number in its one spelling.
    private static func kid(_ digits: ArraySlice<UInt8>) -> UInt32? {
        guard (1...10).contains(digits.count) else { return nil }
        let text = String(decoding: digits, as: UTF8.self)
        guard let kid = UInt32(text), "\(kid)" == text else { return nil }
        return kid
    }
}
