import HTTPTypes
import Hummingbird
import LatchkeyCore
import LatchkeyCrypto

/// Access tokens: a user's for their own keys, and an administrator's for a service. By JWT or session: no access token
/// makes, rolls or revokes one.
struct AccessTokenRoutes: Sendable {
    let tokens: AccessTokens
    let authentication: Authentication

    func add(to table: inout RouteTable) {
        add(to: &table, at: "/api/access-tokens", .user, ofUser)
        add(to: &table, at: "/api/admin/access-tokens", .admin, ofService)
    }

    /// Whose tokens a request is about, and who asks.
    private typealias Identify = @Sendable (Request) async throws -> (owner: KeyOwner, actor: Actor)

    private var ofUser: Identify {
        { request in
            let user = try await authentication.user(request)
            return (.user(user.id), .user(user.id))
        }
    }

    private var ofService: Identify {
        { request in (.global, .admin(try await authentication.admin(request).id)) }
    }

    private func add(
        to table: inout RouteTable, at path: String, _ access: RouteTable.Access, _ identify: @escaping Identify
    ) {
        table.add(.post, path, access) { request, context in
            let (owner, actor) = try await identify(request)
            var members = try await request.json()
            let wanted = try AccessTokenRequest(reading: &members)
            try members.finish()
            if wanted.scopes.contains(.resolve) { throw Self.needsOperator }
            let made = try await tokens.create(wanted, of: owner, by: Caller(actor, requestID: context.requestID))
            return try await answer(made, owner, status: .created)
        }
        table.add(.get, path, access) { request, _ in
            let (owner, _) = try await identify(request)
            let listed = try await tokens.list(of: owner)
            return Response.json { writer in
                writer.object { writer in
                    writer.name("access_tokens")
                    writer.array(listed) { AccessTokenJSON.write($1, to: &$0) }
                }
            }
        }
        table.add(.delete, "\(path)/:id", access) { request, context in
            let (owner, actor) = try await identify(request)
            let id = try Self.id(context)
            try await request.noMembers()
            try await tokens.revoke(id, of: owner, by: Caller(actor, requestID: context.requestID))
            return Response.json { writer in
                writer.object { writer in
                    writer.member("id", id)
                    writer.member("revoked", true)
                }
            }
        }
        table.add(.post, "\(path)/:id/roll", access) { request, context in
            let (owner, actor) = try await identify(request)
            let id = try Self.id(context)
            var members = try await request.jsonOrNothing()
            let overlap = try members?.integer("overlap_seconds") ?? AccessTokens.defaultOverlap
            let expiresAt = try members?.time("expires_at")
            try members?.finish()
            let made = try await tokens.roll(
                id, of: owner, overlap: overlap, expiresAt: expiresAt,
                by: Caller(actor, requestID: context.requestID)
            ) { row in
                if row.mayResolve { throw Self.needsOperator }
            }
            return try await answer(made, owner, status: .created)
        }
    }

    /// A JWT uses keys and reads none. A token that hands them out would let whoever signs JWTs, or got hold of one, read
    /// them after all, so it is made where the root is.
    private static var needsOperator: LatchkeyError {
        LatchkeyError(
            .forbidden, "a token that keys are handed out to is not made over HTTP",
            hint: "an operator makes it with `latchkey access-token create --scope resolve`")
    }

    private static func id(_ context: LatchkeyRequestContext) throws(LatchkeyError) -> String {
        guard let id = context.parameters.get("id"), AccessToken.isID(id) else { throw AccessTokens.notFound }
        return id
    }

    /// The only answer that holds the token, and the only time it is shown.
    private func answer(
        _ made: AccessTokens.Made, _ owner: KeyOwner, status: HTTPResponse.Status
    ) async throws -> Response {
        let listed = try await tokens.listed(made.row, of: owner)
        return Response.json(status: status) { AccessTokenJSON.write(listed, token: made.text, to: &$0) }
    }
}
