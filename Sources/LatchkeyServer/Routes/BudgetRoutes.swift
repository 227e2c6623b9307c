import HTTPTypes
import Hummingbird
import LatchkeyCore

/// Budgets: what a user sets for themselves, and what an administrator sets for a user. Each changes their own only, and
/// the smaller of the two is what counts.
struct BudgetRoutes: Sendable {
    let store: any BudgetStore
    let recorder: UsageRecorder
    let vault: KeyVault
    let authentication: Authentication

    private static let mostShown = 1000

    func add(to table: inout RouteTable) {
        table.add(.get, "/api/budgets", .user, own)
        table.add(.put, "/api/budgets", .user, setOwn)
        table.add(.delete, "/api/budgets", .user, deleteOwn)
        table.add(.get, "/api/admin/budgets", .admin, others)
        table.add(.put, "/api/admin/budgets", .admin, setOthers)
        table.add(.delete, "/api/admin/budgets", .admin, deleteOthers)
    }

    // A user's own

    @Sendable private func own(_ request: Request, _ context: LatchkeyRequestContext) async throws -> Response {
        let user = try await authentication.user(request, context, scope: .status)
        try QueryReader(request).finish(known: "no parameters")
        let states = try await recorder.budgets(of: user.id).filter { state in
            if case .key(let provider, _) = state.budget.subject { return user.allows(provider) }
            return user.grant?.providers.isEmpty ?? true
        }
        return Self.list(states)
    }

    @Sendable private func setOwn(_ request: Request, _ context: LatchkeyRequestContext) async throws -> Response {
        let user = try await authentication.user(request, context, scope: .manage)
        try QueryReader(request).finish(known: "no parameters")
        var members = try await request.json()
        let budget = try Budget(reading: &members, user: user.id, setBy: .user, catalogue: vault.catalogue)
        try members.finish()
        try Self.require(user, budget.subject)
        return try await put(budget, by: user.actor, context)
    }

    @Sendable private func deleteOwn(_ request: Request, _ context: LatchkeyRequestContext) async throws -> Response {
        let user = try await authentication.user(request, context, scope: .manage)
        var query = try QueryReader(request)
        let name = try BudgetName(&query)
        try query.finish(known: "metric, per, provider and key")
        try await request.noMembers()
        try Self.require(user, name.subject)
        return try await delete(name, of: user.id, setBy: .user, by: user.actor, context)
    }

    private static func require(_ user: AuthenticatedUser, _ subject: BudgetSubject) throws(LatchkeyError) {
        switch subject {
        case .key(let provider, _): try user.require(provider)
        case .user, .token: try user.requireEveryProvider()
        }
    }

    // An administrator's, for others

    @Sendable private func others(_ request: Request, _ context: LatchkeyRequestContext) async throws -> Response {
        _ = try await authentication.admin(request)
        var query = try QueryReader(request)
        let user = try query.text("user").map { try UserID($0) }
        try query.finish(known: "user")
        guard let user else {
            return Self.list(try await store.serviceTokenBudgets(at: vault.clock.now(), limit: Self.mostShown))
        }
        return Self.list(try await recorder.budgets(of: user))
    }

    @Sendable private func setOthers(_ request: Request, _ context: LatchkeyRequestContext) async throws -> Response {
        let admin = try await authentication.admin(request)
        var query = try QueryReader(request)
        let user = try Self.user(&query)
        try query.finish(known: "user")
        var members = try await request.json()
        let budget = try Budget(reading: &members, user: user, setBy: .operator, catalogue: vault.catalogue)
        try members.finish()
        return try await put(budget, by: .admin(admin.id), context)
    }

    @Sendable private func deleteOthers(
        _ request: Request, _ context: LatchkeyRequestContext
    ) async throws -> Response {
        let admin = try await authentication.admin(request)
        var query = try QueryReader(request)
        let user = try Self.user(&query)
        let name = try BudgetName(&query)
        try query.finish(known: "user, metric, per, provider and key")
        try await request.noMembers()
        return try await delete(name, of: user, setBy: .operator, by: .admin(admin.id), context)
    }

    private static func user(_ query: inout QueryReader) throws(LatchkeyError) -> UserID {
        guard let user = query.text("user") else {
            throw LatchkeyError(.missingUser, "whose budget is not said", hint: "the query names the user: user=ID")
        }
        return try UserID(user)
    }
}

// What both do
extension BudgetRoutes {
    private func put(_ budget: Budget, by actor: Actor, _ context: LatchkeyRequestContext) async throws -> Response {
        let event = AuditEvent(
            budgetSet: budget, at: vault.clock.now(), actor: actor, requestID: context.requestID)
        let state = try await recorder.putBudget(budget, event: event)
        return Response.json { BudgetJSON.write(state, to: &$0) }
    }

    private func delete(
        _ name: BudgetName, of user: UserID, setBy: Budget.Setter, by actor: Actor, _ context: LatchkeyRequestContext
    ) async throws -> Response {
        let id = BudgetID(
            user: user, subject: name.subject, metric: name.metric, period: name.period, setBy: setBy)
        let event = AuditEvent(budgetDeleted: id, at: vault.clock.now(), actor: actor, requestID: context.requestID)
        guard try await recorder.deleteBudget(id, event: event) else {
            throw LatchkeyError(
                .budgetNotFound, "no such budget was set by \(setBy == .user ? "the user" : "an operator")",
                hint: "GET lists the budgets; set_by says whose each is")
        }
        return Response.json { $0.object { $0.member("deleted", 1) } }
    }

    private static func list(_ states: [BudgetState]) -> Response {
        Response.json { writer in
            writer.object { writer in
                writer.name("budgets")
                writer.array(states) { BudgetJSON.write($1, to: &$0) }
            }
        }
    }
}
