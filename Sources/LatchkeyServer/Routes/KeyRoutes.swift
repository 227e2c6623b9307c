import HTTPTypes
import Hummingbird
import LatchkeyCore
import LatchkeyCrypto

/// The reference system's endpoints for a signed-in user. The user is the token's; nothing in the request can name another.
struct KeyRoutes: Sendable {
    let vault: KeyVault
    let resolver: KeyResolver
    let authentication: Authentication

    func add(to table: inout RouteTable) {
        table.add(.post, "/api/api-keys/set", .user, set)
        table.add(.post, "/api/api-keys/validate/:provider", .user, validate)
        table.add(.get, "/api/api-keys/status", .user, status)
        table.add(.get, "/api/api-keys/settings", .user, settings)
        table.add(.put, "/api/api-keys/settings", .user, changeSettings)
        table.add(.delete, "/api/api-keys/:provider", .user, delete)
        table.add(.post, "/api/api-keys/:provider/default", .user, makeDefault)
        table.add(.delete, "/api/api-keys", .user, deleteAll)
    }

    @Sendable private func set(_ request: Request, _ context: LatchkeyRequestContext) async throws -> Response {
        let user = try await authentication.user(request, context, scope: .manage)
        var members = try await request.json()
        let set = try SetKeyRequest(reading: &members)
        try members.finish()
        // What is no provider's id is refused as such below.
        if let provider = ProviderID(set.provider) { try user.require(provider) }
        let (key, warnings) = try await vault.set(
            set, of: .user(user.id), by: Caller(user.actor, requestID: context.requestID))
        let now = vault.clock.now()
        return Response.json { KeyJSON.write(key, to: &$0, at: now, warnings: warnings) }
    }

    @Sendable private func validate(_ request: Request, _ context: LatchkeyRequestContext) async throws -> Response {
        let user = try await authentication.user(request, context, scope: .manage)
        let reference = try reference(request, context, user)
        try await request.noMembers()
        let key = try await vault.validate(reference, by: Caller(user.actor, requestID: context.requestID))
        let now = vault.clock.now()
        return Response.json { KeyJSON.write(key, to: &$0, at: now) }
    }

    @Sendable private func status(_ request: Request, _ context: LatchkeyRequestContext) async throws -> Response {
        let user = try await authentication.user(request, context, scope: .status)
        let own = try await vault.status(of: .user(user.id)).filter { user.allows($0.provider) }
        let fallback = try await resolver.allowsFallback(user.id)
        let global = fallback ? try await vault.status(of: .global) : []
        let now = vault.clock.now()
        return Response.json { writer in
            writer.object { writer in
                writer.member("user_id", user.id.text)
                writer.name("keys")
                writer.array(own) { KeyJSON.write($1, to: &$0, at: now) }
                writer.name("providers")
                writer.object { writer in
                    for provider in vault.catalogue.providers where user.allows(provider.id) {
                        let serving = resolver.serving(
                            provider.id, own: own, global: global, fallback: fallback, at: now)
                        writer.name(provider.id.text)
                        writer.object { writer in
                            writer.member("source", serving.source?.rawValue ?? "none")
                            writer.member("name", serving.name?.text)
                            writer.member("verdict", serving.verdict?.rawValue)
                            writer.member("is_valid", serving.verdict?.isValid ?? false)
                            writer.member("reason", serving.reason)
                        }
                    }
                }
                writer.member("global_fallback", fallback)
            }
        }
    }

    @Sendable private func settings(_ request: Request, _ context: LatchkeyRequestContext) async throws -> Response {
        let user = try await authentication.user(request, context, scope: .status)
        return try await settings(of: user)
    }

    @Sendable private func changeSettings(
        _ request: Request, _ context: LatchkeyRequestContext
    ) async throws -> Response {
        let user = try await authentication.user(request, context, scope: .manage)
        try user.requireEveryProvider()
        var members = try await request.json()
        var changes: [(UserSetting, Bool)] = []
        for setting in [UserSetting.globalFallback, .keyFailover] {
            if let value = try members.bool(setting.rawValue) { changes.append((setting, value)) }
        }
        if changes.isEmpty { _ = try members.required(UserSetting.globalFallback.rawValue, Bool?.none) }
        try members.finish()
        for (setting, value) in changes {
            let event = AuditEvent(
                at: vault.clock.now(), actor: user.actor, action: .settingsChange, owner: .user(user.id),
                detail: "\(setting.rawValue)=\(value)", requestID: context.requestID)
            try await vault.store.set(setting, to: value, of: user.id, event: event)
        }
        return try await settings(of: user)
    }

    private func settings(of user: AuthenticatedUser) async throws -> Response {
        let fallback = try await vault.store.setting(.globalFallback, of: user.id) ?? true
        let failover = try await vault.store.setting(.keyFailover, of: user.id) ?? false
        return Response.json { writer in
            writer.object { writer in
                writer.member("global_fallback", fallback)
                writer.member("key_failover", failover)
            }
        }
    }

    @Sendable private func delete(_ request: Request, _ context: LatchkeyRequestContext) async throws -> Response {
        let user = try await authentication.user(request, context, scope: .manage)
        let reference = try reference(request, context, user)
        try await request.noMembers()
        do {
            try await vault.remove(reference, by: Caller(user.actor, requestID: context.requestID))
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

    @Sendable private func deleteAll(_ request: Request, _ context: LatchkeyRequestContext) async throws -> Response {
        let user = try await authentication.user(request, context, scope: .manage)
        try user.requireEveryProvider()
        try await request.noMembers()
        let count = try await vault.removeAll(
            of: .user(user.id), by: Caller(user.actor, requestID: context.requestID))
        return Response.json { $0.object { $0.member("deleted", Int64(count)) } }
    }

    /// The key that path and query name. Providers that left the catalogue can still be deleted by their id.
    private func reference(
        _ request: Request, _ context: LatchkeyRequestContext, _ user: AuthenticatedUser
    ) throws -> KeyReference {
        guard let provider = context.parameters.get("provider").flatMap({ ProviderID($0) }) else {
            throw LatchkeyError(.unknownProviderPath, "no such provider in the catalogue")
        }
        try user.require(provider)
        let name = try request.query("name").map { try KeyName($0) } ?? .default
        if vault.catalogue[provider] == nil, request.method != .delete {
            throw LatchkeyError(.unknownProviderPath, "no such provider in the catalogue")
        }
        return KeyReference(.user(user.id), provider, name)
    }
}

extension SetKeyRequest {
    /// Reads the members that `set` and `set-initial` share.
    init(reading members: inout MemberReader) throws {
        let provider = try members.required("provider", try members.string("provider"))
        let key = try members.required("api_key", try members.bytes("api_key"))
        self.init(
            provider: provider, key: SharedSecret(Secret(copying: key)), name: try members.string("name"),
            label: try members.string("label"), baseURL: try members.string("base_url"),
            fields: try members.texts("fields") ?? [:], expiresAt: try members.time("expires_at"),
            validate: try members.bool("validate") ?? true, requireValid: try members.bool("require_valid") ?? false)
    }
}
