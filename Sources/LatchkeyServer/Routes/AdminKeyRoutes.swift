import HTTPTypes
import Hummingbird
import LatchkeyCore

/// For administrators: which keys fail, who has keys, and the global keys. Nobody's key comes out, and a user's key is
/// neither opened nor changed here.
struct AdminKeyRoutes: Sendable {
    let store: any AdminStore
    let vault: KeyVault
    let authentication: Authentication

    private static let mostRows = 200

    func add(to table: inout RouteTable) {
        table.add(.get, "/api/admin/keys", .admin, failing)
        table.add(.get, "/api/admin/users", .admin, users)
        table.add(.delete, "/api/admin/global-keys/:provider", .admin, deleteGlobal)
        table.add(.post, "/api/admin/global-keys/:provider/validate", .admin, validateGlobal)
    }

    @Sendable private func failing(_ request: Request, _ context: LatchkeyRequestContext) async throws -> Response {
        _ = try await authentication.admin(request)
        var query = try QueryReader(request)
        guard query.text("state") ?? "failing" == "failing" else {
            throw LatchkeyError(.invalidRequest, "state is not failing, the one state there is a list of")
        }
        let limit = try query.number("limit", in: 1...Self.mostRows) ?? 50
        let after = try query.text("after").map { try AdminCursor.key($0) }
        try query.finish(known: "state, limit and after")
        let now = vault.clock.now()
        // One more than is shown says whether there is more.
        let found = try await store.failingKeys(at: now, after: after, limit: limit + 1)
        let shown = found.prefix(limit)
        return Response.json { writer in
            writer.object { writer in
                writer.name("keys")
                writer.array(shown) { Self.write($1, to: &$0, at: now) }
                writer.member("next", found.count > limit ? shown.last.map { AdminCursor.text($0) } : nil)
            }
        }
    }

    @Sendable private func users(_ request: Request, _ context: LatchkeyRequestContext) async throws -> Response {
        _ = try await authentication.admin(request)
        var query = try QueryReader(request)
        let limit = try query.number("limit", in: 1...Self.mostRows) ?? 50
        let after = try query.text("after").map { try AdminCursor.user($0) }
        // What no id can begin with is refused as an id would be.
        let prefix = try query.text("search").map { try UserID($0).text }
        try query.finish(known: "search, limit and after")
        let found = try await store.keyHolders(
            KeyHolderQuery(now: vault.clock.now(), prefix: prefix, after: after, limit: limit + 1))
        let shown = found.prefix(limit)
        return Response.json { writer in
            writer.object { writer in
                writer.name("users")
                writer.array(shown) { writer, holder in
                    writer.object { writer in
                        writer.member("user_id", holder.user.text)
                        writer.member("keys", holder.keys)
                        writer.member("failing", holder.failing)
                        writer.member("last_used_at", holder.lastUsedAt)
                    }
                }
                writer.member("next", found.count > limit ? shown.last.map { AdminCursor.text($0.user) } : nil)
            }
        }
    }

    @Sendable private func deleteGlobal(
        _ request: Request, _ context: LatchkeyRequestContext
    ) async throws -> Response {
        let admin = try await authentication.admin(request)
        let reference = try global(request, context)
        try await request.noMembers()
        do {
            try await vault.remove(reference, by: Caller(.admin(admin.id), requestID: context.requestID))
        } catch let error as LatchkeyError
            where error.code == .keyNotFound && vault.catalogue[reference.provider] == nil
        {
            throw LatchkeyError(.unknownProviderPath, "no such provider in the catalogue")
        }
        return Response.json { writer in
            writer.object { writer in
                writer.member("deleted", 1)
                writer.member("provider", reference.provider.text)
                writer.member("name", reference.name.text)
            }
        }
    }

    @Sendable private func validateGlobal(
        _ request: Request, _ context: LatchkeyRequestContext
    ) async throws -> Response {
        let admin = try await authentication.admin(request)
        let reference = try global(request, context)
        try await request.noMembers()
        guard vault.catalogue[reference.provider] != nil else {
            throw LatchkeyError(.unknownProviderPath, "no such provider in the catalogue")
        }
        let key = try await vault.validate(
            reference, by: Caller(.admin(admin.id), requestID: context.requestID))
        let now = vault.clock.now()
        return Response.json { KeyJSON.write(key, to: &$0, at: now, source: "global") }
    }

    private func global(_ request: Request, _ context: LatchkeyRequestContext) throws -> KeyReference {
        guard let provider = context.parameters.get("provider").flatMap({ ProviderID($0) }) else {
            throw LatchkeyError(.unknownProviderPath, "no such provider in the catalogue")
        }
        return KeyReference(.global, provider, try request.query("name").map { try KeyName($0) } ?? .default)
    }

    private static func write(_ key: UserAPIKey, to writer: inout JSONWriter, at now: Timestamp) {
        let verdict = key.verdict(at: now)
        writer.object { writer in
            writer.member("user_id", key.owner.column)
            writer.member("provider", key.provider.text)
            writer.member("name", key.name.text)
            writer.member("label", key.label)
            writer.member("verdict", verdict.rawValue)
            writer.member("is_valid", verdict.isValid)
            writer.member("checked_at", key.evidence.checkedAt)
            writer.member("check_status", key.evidence.httpStatus.map { Int64($0) })
            writer.member("check_code", key.evidence.code)
            writer.member("key_hint", key.keyHint)
            writer.member("expires_at", key.expiresAt)
            writer.member("last_used_at", key.lastUsedAt)
        }
    }
}
