package import LatchkeyCore

/// What a store of usage and budgets has to pass, each property on a new, empty store.
package struct UsageContract: Sendable {
    package typealias UsageStores = Store & UsageStore & BudgetStore

    private let makeStore: @Sendable () async throws -> any UsageStores

    /// - Parameter makeStore: a store that is migrated and empty.
    package init(makeStore: @escaping @Sendable () async throws -> any UsageStores) { self.makeStore = makeStore }

    func newStore() async throws -> any UsageStores { try await makeStore() }

    package static let properties: [ContractProperty<Self>] = events + budgets + reservations + windows

    private static let events: [ContractProperty<Self>] = [
        .init("an event comes back as it was written, field by field") { try await $0.eventsOfUsageRoundTrip() },
        .init("an event told again changes nothing, nor any counter") { try await $0.countsAnEventOnce() },
        .init("one event told by many at once counts once") { try await $0.countsAnEventOnceInParallel() },
        .init("an id that is not of the form is refused with everything beside it") {
            try await $0.refusesUnusableIDs()
        },
        .init("no count or time is too large or too small to be kept") { try await $0.keepsWithinBounds() },
        .init("sums by any of the dimensions are the sums of the events") { try await $0.sumsByEverySet() },
        .init("sums come in pages") { try await $0.sumsComeInPages() },
        .init("pages meet every event once, newest first") { try await $0.pagesThroughEvents() },
        .init("models without a price are listed, the most used first") { try await $0.listsUnpricedModels() },
    ]

    private static let budgets: [ContractProperty<Self>] = [
        .init("a budget counts what was used before it was set") { try await $0.countsTheMorning() },
        .init("a budget replaced keeps what was used") { try await $0.replacesBudgets() },
        .init("a user's and an operator's budget stand side by side") { try await $0.keepsSettersApart() },
        .init("a key's budget counts what that key did and nothing else") { try await $0.countsOneKey() },
        .init("a budget that cannot be is refused") { try await $0.refusesBudgets() },
        .init("a threshold is warned of once in a window, with its audit event") { try await $0.warnsOnce() },
        .init("of many who cross a threshold at once one warns") { try await $0.warnsOnceInParallel() },
        .init("events written while a budget is set are all counted") { try await $0.countsWhileABudgetIsSet() },
    ]

    private static let reservations: [ContractProperty<Self>] = [
        .init("without a budget nothing is set aside") { try await $0.needsNoReservation() },
        .init("of a hundred at once exactly as many get through as there are requests") {
            try await $0.letsExactlyAsManyThrough()
        },
        .init("a call is set aside in every budget or in none") { try await $0.reservesAllOrNothing() },
        .init("what was used takes the place of what was set aside, once") { try await $0.settles() },
        .init("what is given back can be used by others, once") { try await $0.releases() },
        .init("nothing is let through where nothing is left, however little is asked for") {
            try await $0.letsNothingThroughWhereNothingIsLeft()
        },
        .init("a refusal says which budget, and when it begins anew") { try await $0.saysWhichAndWhen() },
        .init("an access token's limits hold from its first call, and for all its users") {
            try await $0.limitsTokens()
        },
        .init("a call that was never settled counts as used, once") { try await $0.expires() },
        .init("what a call that ran out has really used takes the estimate's place") { try await $0.settlesLate() },
    ]

    private static let windows: [ContractProperty<Self>] = [
        .init("a window's end is the next one's beginning, and there it counts anew") { try await $0.beginsAnew() },
        .init("what ends after its window counts in the window it began in") { try await $0.countsWhereItBegan() },
        .init("no event from the future moves a window") { try await $0.isNotMovedByTheFuture() },
        .init("counters that nobody used for long are made anew when they are needed") {
            try await $0.forgetsTokens()
        },
    ]
}

/// Users, events and calls for tests of usage.
package enum UsageSample {
    /// 2026-01-01T12:00:00Z: noon, so that there is a morning.
    package static let noon = Sample.time.advanced(bySeconds: 12 * 3600)

    package static func event(
        _ id: String, of user: String = "alice", at time: Timestamp = noon, provider: String = "openai",
        key: String = "default", tokens: TokenCounts = TokenCounts(input: 7, output: 3), cost: Int64? = 100,
        model: String? = "gpt-4o-mini", token: String? = nil
    ) throws -> UsageEvent {
        let reference = try Sample.reference(.global, provider, key)
        return UsageEvent(
            id: id, at: time, origin: .gateway, user: try UserID(user), provider: reference.provider,
            keyName: reference.name, tokenID: token, model: model, tokens: tokens, cost: cost, status: 200)
    }

    /// Every field of its own.
    package static func fullEvent(_ id: String, of user: String, random: inout SeededRandom) throws -> UsageEvent {
        var event = try event(
            id, of: user, at: Timestamp(microseconds: random.number(in: 0...253_402_300_799_999_999)),
            provider: random.pick(["openai", "gemini"]), key: random.pick(["default", "work", "Work"]))
        func number(_ most: Int64) -> Int64? { random.chance(0.3) ? nil : random.number(in: 0...most) }
        event.origin = random.pick([.gateway, .reported])
        event.source = random.pick([nil, "user", "global", "environment"])
        event.tokenID = random.pick([nil, "abcdefgh"])
        event.operation = random.pick([nil, "chat", "embeddings"])
        event.model = random.pick([nil, "gpt-4o", "caf\u{e9}", "cafe\u{301}", "'; DROP TABLE usage_events; --", "$1 ?"])
        event.tokens = TokenCounts(
            input: number(UsageEvent.mostTokens), output: number(UsageEvent.mostTokens), cachedInput: number(1000))
        event.cost = number(UsageEvent.mostCost)
        event.status = random.pick([nil, 200, 429, 500])
        event.duration = number(.max)
        event.firstByte = number(.max)
        event.isStreamed = random.chance(0.5)
        event.isEstimated = random.chance(0.5)
        event.requestID = random.pick([nil, "req-1"])
        return event
    }

    package static func budget(
        _ metric: UsageLimit.Metric, per period: UsageLimit.Period, _ amount: Int64, of user: String = "alice",
        subject: BudgetSubject = .user, setBy: Budget.Setter = .user, warnings: [Int] = []
    ) throws -> Budget {
        Budget(
            user: try UserID(user), subject: subject, limit: UsageLimit(metric, per: period, amount: amount),
            setBy: setBy, warnings: warnings)
    }

    package static func hold(
        _ id: String, of user: String = "alice", at time: Timestamp = noon, provider: String = "openai",
        key: String = "default", token: UsageHold.Token? = nil,
        tokens: TokenCounts = TokenCounts(input: 10, output: 40),
        cost: Int64? = 500
    ) throws -> UsageHold {
        let reference = try Sample.reference(.global, provider, key)
        return UsageHold(
            reservation: UsageReservation(id: id, user: try UserID(user)), at: time, provider: reference.provider,
            keyName: reference.name, token: token, model: "gpt-4o-mini", tokens: tokens, cost: cost,
            requestID: "req-\(id)",
            expiresAt: time.advanced(bySeconds: 3600))
    }

    package static func change(_ action: AuditEvent.Action, at time: Timestamp = noon, detail: String? = nil)
        -> AuditEvent
    { AuditEvent(at: time, actor: .cli, action: action, detail: detail) }
}

extension BudgetStore {
    @discardableResult
    package func set(_ budget: Budget, at now: Timestamp = UsageSample.noon) async throws -> BudgetState {
        try await putBudget(budget, at: now, event: UsageSample.change(.budgetSet, at: now))
    }

    /// How a budget stands; nil when there is none.
    package func state(_ id: BudgetID, at now: Timestamp = UsageSample.noon) async throws -> BudgetState? {
        guard let user = id.user else {
            return try await serviceTokenBudgets(at: now, limit: 1000).first { $0.budget.id == id }
        }
        return try await budgets(of: user, at: now).first { $0.budget.id == id }
    }

    /// - Returns: nil when it was let through, else why it was not.
    package func refusal(of hold: UsageHold) async throws -> LatchkeyError? {
        do {
            try require(try await reserve(hold), "no budget was found for the call")
            return nil
        } catch let error as LatchkeyError where error.code == .budgetExceeded {
            return error
        }
    }
}

extension UsageStore {
    @discardableResult
    package func tell(_ events: [UsageEvent], at now: Timestamp = UsageSample.noon) async throws -> UsageWritten {
        try await writeUsage(events.map { .event($0, settling: nil) }, at: now)
    }

    @discardableResult
    package func settle(_ hold: UsageHold, _ event: UsageEvent, at now: Timestamp = UsageSample.noon) async throws
        -> UsageWritten
    { try await writeUsage([.event(event, settling: hold.reservation)], at: now) }
}
