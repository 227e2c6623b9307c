import LatchkeyCore
import LatchkeyServer
import NIOCore

/// Makes tokens for trying things out. In earnest the app's own login makes them.
enum TokenMint {
    /// - Throws: `configuration` where this service has no secret to sign with.
    static func mint(
        user: String, roles: [String], minutes: Int64, rules: TokenVerifier.Rules, keys: TokenKeys, clock: WallClock,
        keyID: String? = nil
    ) throws -> String {
        let id = try UserID(user)
        let now = clock.now().unixSeconds
        var header = JSONWriter(capacity: 64)
        header.object { writer in
            writer.member("alg", rules.algorithm)
            if let keyID { writer.member("kid", keyID) }
            writer.member("typ", "JWT")
        }
        var claims = JSONWriter(capacity: 256)
        claims.object { writer in
            writer.member(rules.userClaim, id.text)
            writer.member("iat", now)
            writer.member("exp", now + minutes * 60)
            if !roles.isEmpty { writer.member(rules.rolesClaim, roles) }
            if let audience = rules.audience { writer.member("aud", audience) }
            if let issuer = rules.issuer { writer.member("iss", issuer) }
        }
        let token = try keys.sign(
            header: Array(header.buffer.readableBytesView), claims: Array(claims.buffer.readableBytesView))
        guard let token else {
            throw LatchkeyError(
                .configuration, "tokens are signed by somebody else here (JWT_ALGORITHM is \(rules.algorithm))",
                hint: "ask the app's login for a token")
        }
        return String(decoding: token, as: UTF8.self)
    }
}
