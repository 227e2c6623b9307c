/// For whom a call through the gateway is made, and what it may do.
package struct GatewayCaller: Sendable {
    /// Whose keys the call uses.
    package var user: UserID
    /// What the call's access token grants; nil for a signed-in user and for the plain service token.
    package var grant: AccessGrant?
    /// Who makes the call: what the audit log says.
    package var actor: Actor

    package init(user: UserID, grant: AccessGrant? = nil, actor: Actor) {
        self.user = user
        self.grant = grant
        self.actor = actor
    }
}

/// Turns the one credential of a gateway's request into the caller, in whichever header field it came.
package protocol GatewayAuthentication: Sendable {
    /// - Parameters:
    ///   - credential: a signed-in user's JWT, an access token of scope `gateway`, or the service token.
    ///   - user: the value of `Latchkey-User`: for whom a service acts. Refused beside a credential that is a user's own.
    ///   - address: where the call came from (`CallerAddress`); a token that is bound to networks is refused without one.
    /// - Throws: `unauthorized`; `forbidden` for a token without the scope; `user_id_not_allowed`, `missing_user`,
    ///   `invalid_user_id` for what is said of the user; `store_unavailable`.
    func gatewayCaller(
        credential: [UInt8], actingFor user: [UInt8]?, from address: NetworkAddress?
    ) async throws -> GatewayCaller
}
