import LatchkeyCore
import LatchkeyCrypto
import LatchkeyServer

struct InterimLedger: UsageLedger {
    func reserve(_ call: PlannedCall) async throws -> UsageReservation? { nil }
    func record(_ event: UsageEvent, settling reservation: UsageReservation?) {}
    func release(_ reservation: UsageReservation) {}
    func cost(of tokens: TokenCounts, provider: ProviderID, model: String?, at time: Timestamp) -> Int64? { nil }
}

struct InterimAuthentication: GatewayAuthentication {
    let verifier: TokenVerifier
    let serviceToken: SharedSecret?
    func gatewayCaller(
        credential: [UInt8], actingFor user: [UInt8]?, from address: NetworkAddress?
    ) async throws -> GatewayCaller {
        if let serviceToken, serviceToken.secret.constantTimeEquals(Secret(copying: credential)), let user {
            return GatewayCaller(user: try UserID(user), actor: .service)
        }
        guard let identity = verifier.verify(credential) else {
            throw LatchkeyError(.unauthorized, "a valid bearer token is required")
        }
        return GatewayCaller(user: identity.id, actor: .user(identity.id))
    }
}
