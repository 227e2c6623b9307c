import HTTPTypes
import Hummingbird
import LatchkeyCore
import LatchkeyCrypto

/// For the app's own back end: which key serves this call, and the key itself. The only route that answers with one.
struct ServiceRoutes: Sendable {
    let resolver: KeyResolver
    let authentication: Authentication

    func add(to table: inout RouteTable) {
        table.add(.post, "/api/service/resolve", .service, resolve)
    }

    @Sendable private func resolve(_ request: Request, _ context: LatchkeyRequestContext) async throws -> Response {
        let caller = try await authentication.service(request, context, scope: .resolve)
        var members = try await request.json()
        let user = try Self.user(try members.bytes("user_id"), caller, members)
        let provider = try resolver.vault.catalogue.provider(
            named: try members.required("provider", try members.string("provider")))
        let name = try members.string("name").map { try KeyName($0) }
        try members.finish()
        guard caller.grant?.allows(provider.id) ?? true else {
            throw LatchkeyError(.forbidden, "the access token is not for \(provider.id.text)")
        }
        let resolved = try await resolver(for: caller).resolve(
            user: user, provider: provider, name: name,
            by: Caller(caller.actor, requestID: context.requestID, tokenID: caller.grant?.id))
        return Self.response(resolved)
    }

    /// A service names the user; a user's own access token is about that user, whether the body says so or not.
    static func user(
        _ named: [UInt8]?, _ caller: ServiceCaller, _ members: MemberReader
    ) throws(LatchkeyError) -> UserID {
        switch caller {
        case .service: return try UserID(try members.required("user_id", named))
        case .user(let id, _):
            guard let named else { return id }
            guard try UserID(named) == id else {
                throw LatchkeyError(.userIDNotAllowed, "the user is the access token's, and user_id is another")
            }
            return id
        }
    }

    /// A global key is the operator's: it may serve a user's calls, but no user gets it into their hands.
    private func resolver(for caller: ServiceCaller) -> KeyResolver {
        switch caller {
        case .service: resolver
        case .user: resolver.ownKeysOnly
        }
    }

    private static func response(_ resolved: borrowing KeyResolver.Resolved) -> Response {
        var writer = JSONWriter(capacity: 768)
        writer.object { writer in
            writer.member("provider", resolved.provider.id.text)
            writer.member("name", resolved.name.text)
            writer.member("source", resolved.source.rawValue)
            writer.name("api_key")
            resolved.credential.secret.withUnsafeBytes { writer.value(utf8: $0) }
            writer.member("base_url", resolved.credential.baseURL)
            writer.member("kind", resolved.credential.kind.rawValue)
            writer.name("fields")
            writer.object { writer in
                for (name, value) in resolved.credential.fields.sorted(by: { $0.key < $1.key }) {
                    writer.member(name, value)
                }
            }
            writer.member("expires_at", resolved.credential.expiresAt.flatMap { Timestamp(unixSeconds: $0) })
            writer.member("verdict", resolved.verdict.rawValue)
            writer.name("auth")
            writer.object { writer in
                writer.member("header", resolved.provider.auth.header)
                writer.member("scheme", resolved.provider.auth.scheme)
            }
            writer.name("headers")
            writer.object { writer in
                for header in resolved.provider.headers { writer.member(header.name, header.value) }
            }
        }
        return Response(
            status: .ok, headers: [.contentType: "application/json"], body: ResponseBody(byteBuffer: writer.buffer))
    }
}
