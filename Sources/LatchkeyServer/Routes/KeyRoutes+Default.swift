import Hummingbird
import LatchkeyCore

extension KeyRoutes {
    /// Gives a named key the name `default`, and the key that had it the other's name.
    @Sendable func makeDefault(_ request: Request, _ context: LatchkeyRequestContext) async throws -> Response {
        let user = try await authentication.user(request, context, scope: .manage)
        guard let provider = context.parameters.get("provider").flatMap({ ProviderID($0) }),
            vault.catalogue[provider] != nil
        else { throw LatchkeyError(.unknownProviderPath, "no such provider in the catalogue") }
        try user.require(provider)
        var members = try await request.json()
        let name = try KeyName(try members.required("name", try members.string("name")))
        try members.finish()
        let (key, former) = try await vault.makeDefault(
            KeyReference(.user(user.id), provider, name), by: Caller(user.actor, requestID: context.requestID))
        let now = vault.clock.now()
        return Response.json { writer in
            writer.object { writer in
                writer.name("keys")
                writer.array([key, former].compactMap { $0 }) { KeyJSON.write($1, to: &$0, at: now) }
            }
        }
    }
}
