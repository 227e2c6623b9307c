import HTTPTypes
import Hummingbird
import LatchkeyCore

/// Global keys during the first set-up, and for administrators afterwards.
struct SetupRoutes: Sendable {
    let vault: KeyVault
    let resolver: KeyResolver
    let gate: SetupGate
    let authentication: Authentication

    func add(to table: inout RouteTable) {
        table.add(.post, "/api/api-keys/set-initial", .setup, setInitial)
        table.add(.get, "/api/api-keys/status-initial", .setup, statusInitial)
    }

    @Sendable private func setInitial(_ request: Request, _ context: LatchkeyRequestContext) async throws -> Response {
        let caller = Caller(try await authentication.setup(request, gate: gate), requestID: context.requestID)
        var members = try await request.json()
        let set = try SetKeyRequest(reading: &members)
        let finish = try members.bool("finish") ?? false
        try members.finish()
        let (key, warnings) = try await vault.set(set, of: .global, by: caller)
        if finish { try await gate.finish(by: caller) }
        let now = vault.clock.now()
        return Response.json { KeyJSON.write(key, to: &$0, at: now, warnings: warnings, source: "global") }
    }

    @Sendable private func statusInitial(
        _ request: Request, _ context: LatchkeyRequestContext
    ) async throws -> Response {
        _ = try await authentication.setup(request, gate: gate)
        let keys = try await vault.status(of: .global)
        let finished = try await gate.isFinished()
        let now = vault.clock.now()
        return Response.json { writer in
            writer.object { writer in
                writer.member("setup_finished", finished)
                writer.name("keys")
                writer.array(keys) { KeyJSON.write($1, to: &$0, at: now, source: "global") }
                writer.member("environment", resolver.environment.providers.map(\.text))
            }
        }
    }
}
