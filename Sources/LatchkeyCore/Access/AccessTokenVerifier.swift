/// Turns the text of an access token into what it grants.
package protocol AccessTokenVerifier: Sendable {
    /// - Parameters:
    ///   - token: the whole text, `lk_<id>_<secret>`.
    ///   - address: where the request came from; a token that is bound to networks is refused without one.
    /// - Returns: nil for every cause that is the token's: unknown, wrong secret, spoilt row, expired, revoked, elsewhere.
    /// - Throws: `store_unavailable`.
    func verify(_ token: [UInt8], from address: NetworkAddress?) async throws -> AccessGrant?
}
