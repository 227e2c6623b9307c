package import LatchkeyCore

extension UsageContract {
    func needsNoReservation() async throws {
        let store = try await newStore()
        try await store.set(try UsageSample.budget(.requests, per: .day, 1, of: "bob"))
        let token = UsageHold.Token(id: "abcdefgh", holder: try UserID("alice"), limits: [])
        for hold in [try UsageSample.hold("a"), try UsageSample.hold("b", token: token)] {
            try require(try await !store.reserve(hold), "bob's budget limits alice")
        }
        try requireEqual(
            try await store.expiredReservations(at: UsageSample.noon.advanced(bySeconds: 86_400), limit: 10), [],
            "reservations")
        try requireEqual(try await store.budgetSubjects(of: try UserID("alice")), [], "alice's limits")
        try requireEqual(try await store.budgetSubjects(of: try UserID("bob")), [.user], "bob's limits")
    }

    func letsExactlyAsManyThrough() async throws {
        let store = try await newStore()
        for (number, period) in UsageLimit.Period.allCases.enumerated() {
            let budget = try UsageSample.budget(.requests, per: period, 17, of: "user-\(number)")
            try await store.set(budget)
            let through = try await Self.through([store], 100) {
                try UsageSample.hold("\(number).\($0)", of: "user-\(number)")
            }
            try requireEqual(through, 17, "calls let through in a \(period)")
            try requireEqual(try await store.state(budget.id)?.reserved, 17, "set aside in a \(period)")
        }
    }

    /// How many of so many calls at once are let through, by stores that share a database.
    package static func through(
        _ stores: [any UsageStores], _ count: Int, hold: @escaping @Sendable (Int) throws -> UsageHold
    ) async throws -> Int {
        try await withThrowingTaskGroup(of: Int.self) { group in
            for index in 0..<count {
                group.addTask {
                    try await stores[index % stores.count].refusal(of: try hold(index)) == nil ? 1 : 0
                }
            }
            return try await group.reduce(0, +)
        }
    }

    func reservesAllOrNothing() async throws {
        let store = try await newStore()
        let many = try UsageSample.budget(.requests, per: .day, 100)
        let few = try UsageSample.budget(.tokens, per: .month, 120)
        for budget in [many, few] { try await store.set(budget) }
        for index in 0..<5 { _ = try await store.refusal(of: try UsageSample.hold("h\(index)")) }
        try requireEqual(try await store.state(few.id)?.reserved, 100, "tokens set aside")
        try requireEqual(try await store.state(many.id)?.reserved, 2, "requests set aside")
    }

    func settles() async throws {
        let store = try await newStore()
        let ids = try await setOneOfEach(store)
        for index in 0..<3 {
            try requireEqual(try await store.refusal(of: try UsageSample.hold("h\(index)")), nil, "a refusal")
        }
        try await requireStates(store, ids, used: [0, 0, 0], reserved: [3, 150, 1500])
        let event = try UsageSample.event("e0")
        for _ in 0..<2 { try await store.settle(try UsageSample.hold("h0"), event) }
        try await requireStates(store, ids, used: [1, 10, 100], reserved: [2, 100, 1000])
        // More than was set aside, and another id for the same reservation.
        let large = try UsageSample.event("e1", tokens: TokenCounts(input: 900, output: 100), cost: 9000)
        try await store.settle(try UsageSample.hold("h1"), large)
        try await store.settle(try UsageSample.hold("h1"), try UsageSample.event("e2"))
        try await requireStates(store, ids, used: [3, 1020, 9200], reserved: [1, 50, 500])
        // In one batch with everything else, and without counts.
        _ = try await store.writeUsage(
            [
                .event(
                    try UsageSample.event("e3", tokens: TokenCounts(), cost: nil),
                    settling: try UsageSample.hold("h2").reservation),
                .event(event, settling: nil),
            ], at: UsageSample.noon)
        try await requireStates(store, ids, used: [4, 1020, 9200], reserved: [0, 0, 0])
    }

    /// By requests, tokens and money, large enough for everything here.
    private func setOneOfEach(_ store: any UsageStores) async throws -> [BudgetID] {
        var ids: [BudgetID] = []
        for metric in [UsageLimit.Metric.requests, .tokens, .money] {
            ids.append(try await store.set(try UsageSample.budget(metric, per: .day, 1_000_000)).budget.id)
        }
        return ids
    }

    private func requireStates(
        _ store: any UsageStores, _ ids: [BudgetID], used: [Int64], reserved: [Int64],
        at now: Timestamp = UsageSample.noon
    ) async throws {
        var seen: [[Int64?]] = [[], []]
        for id in ids {
            let state = try await store.state(id, at: now)
            seen[0].append(state?.used)
            seen[1].append(state?.reserved)
        }
        try requireEqual(seen, [used, reserved], "used and reserved of requests, tokens, money")
    }

    func releases() async throws {
        let store = try await newStore()
        let budget = try await store.set(try UsageSample.budget(.requests, per: .minute, 2)).budget.id
        for id in ["a", "b"] { try requireEqual(try await store.refusal(of: try UsageSample.hold(id)), nil, "\(id)") }
        try require(try await store.refusal(of: try UsageSample.hold("c")) != nil, "a third got through")
        for _ in 0..<2 {
            _ = try await store.writeUsage([.release(try UsageSample.hold("a").reservation)], at: UsageSample.noon)
        }
        try requireEqual(try await store.state(budget)?.reserved, 1, "set aside")
        try requireEqual(try await store.refusal(of: try UsageSample.hold("c")), nil, "after one was given back")
        try require(
            try await store.refusal(of: try UsageSample.hold("d")) != nil, "what was given back once came back twice")
    }

    func letsNothingThroughWhereNothingIsLeft() async throws {
        let store = try await newStore()
        let nothing = TokenCounts()
        for (number, metric) in UsageLimit.Metric.allCases.enumerated() {
            let user = "none-\(number)"
            try await store.set(try UsageSample.budget(metric, per: .day, 0, of: user))
            let hold = try UsageSample.hold("n\(number)", of: user, tokens: nothing, cost: nil)
            try require(try await store.refusal(of: hold) != nil, "a budget of no \(metric) let a call through")
        }
        try await store.set(try UsageSample.budget(.tokens, per: .day, 10))
        try requireEqual(try await store.refusal(of: try UsageSample.hold("a", tokens: nothing)), nil, "with ten left")
        try await store.tell([try UsageSample.event("e")])
        try require(try await store.refusal(of: try UsageSample.hold("b", tokens: nothing)) != nil, "none are left")
    }

    func saysWhichAndWhen() async throws {
        let store = try await newStore()
        let now = UsageSample.noon.advanced(bySeconds: 30)
        let cases: [(UsageLimit.Period, String, Int64)] = [
            (.minute, "2026-01-01T12:01:00Z", 30), (.day, "2026-01-02T00:00:00Z", 43_170),
            (.month, "2026-02-01T00:00:00Z", 30 * 86_400 + 43_170),
        ]
        for (period, resets, seconds) in cases {
            for metric in UsageLimit.Metric.allCases {
                let user = "\(metric)-\(period)"
                try await store.set(try UsageSample.budget(metric, per: period, 0, of: user, setBy: .operator), at: now)
                let refusal = try await store.refusal(of: try UsageSample.hold(user, of: user, at: now))
                let reason = refusal?.reason ?? ""
                for word in [metric.rawValue, period.rawValue, resets, "operator"] {
                    try require(reason.contains(word), "\(word) is not in: \(reason)")
                }
                try requireEqual(refusal?.retryAfter, seconds, "seconds until it begins anew")
            }
        }
        // Of several, the one that has to be waited for longest.
        for period in UsageLimit.Period.allCases {
            try await store.set(try UsageSample.budget(.requests, per: period, 0))
        }
        let refusal = try await store.refusal(of: try UsageSample.hold("x", at: now))
        try requireEqual(refusal?.retryAfter, 30 * 86_400 + 43_170, "seconds until all begin anew")
    }

    func limitsTokens() async throws {
        let store = try await newStore()
        let limits = [
            UsageLimit(.requests, per: .day, amount: 9), UsageLimit(.requests, per: .day, amount: 7),
            UsageLimit(.tokens, per: .month, amount: 1_000_000),
        ]
        for (id, holder) in [("tokenuse", UserID?.some(try UserID("alice"))), ("tokenser", nil)] {
            let token = UsageHold.Token(id: id, holder: holder, limits: limits)
            let through = try await Self.through([store], 50) { index in
                try UsageSample.hold("\(id)\(index)", of: holder == nil ? "user-\(index)" : "alice", token: token)
            }
            try requireEqual(through, 7, "calls let through with a token of \(holder?.text ?? "the service")")
            let budget = BudgetID(user: holder, subject: .token(id), metric: .requests, period: .day, setBy: .grant)
            try requireEqual(try await store.state(budget)?.reserved, 7, "set aside")
            var event = try UsageSample.event("by-\(id)", of: holder?.text ?? "user-1", token: id)
            try await store.tell([event])
            event.id += ".other"
            event.tokenID = nil
            try await store.tell([event])
            try requireEqual(try await store.state(budget)?.used, 1, "used with the token")
        }
        try require(try await !store.hasBudgets(), "what a token grants is taken for a budget of its user")
        try require(try await !store.reserve(try UsageSample.hold("free")), "a token's limits hold without it")
    }

    func expires() async throws {
        let store = try await newStore()
        let ids = try await setOneOfEach(store)
        for id in ["a", "b"] { _ = try await store.refusal(of: try UsageSample.hold(id)) }
        let before = UsageSample.noon.advanced(bySeconds: 3599)
        try requireEqual(try await store.expiredReservations(at: before, limit: 10), [], "before the hour is over")
        let after = UsageSample.noon.advanced(bySeconds: 3600)
        let expired = try await store.expiredReservations(at: after, limit: 10)
        try requireEqual(expired.map(\.id), ["a", "b"], "what ran out")
        try requireEqual(try await store.expiredReservations(at: after, limit: 1).count, 1, "at most one")
        // Every node looks at the same moment.
        try await inParallel(6) { _ in
            _ = try await store.writeUsage(expired.map { .expire($0) }, at: after)
        }
        try await requireStates(store, ids, used: [2, 100, 1000], reserved: [0, 0, 0], at: after)
        let page = try await store.usageEvents(
            UsageEventQuery(user: nil, range: UsageRange(from: Sample.time, to: after)))
        try requireEqual(page.events.count, 2, "events")
        try require(page.events.allSatisfy(\.isEstimated), "they say that they are estimates")
        try requireEqual(
            Set(page.events.map(\.requestID)), ["req-a", "req-b"], "the requests they are of")
    }

    func settlesLate() async throws {
        let store = try await newStore()
        let ids = try await setOneOfEach(store)
        for id in ["a", "b"] { _ = try await store.refusal(of: try UsageSample.hold(id)) }
        let after = UsageSample.noon.advanced(bySeconds: 4000)
        let expired = try await store.expiredReservations(at: after, limit: 10)
        _ = try await store.writeUsage(expired.map { .expire($0) }, at: after)
        for _ in 0..<2 {
            try await store.settle(try UsageSample.hold("a"), try UsageSample.event("late"), at: after)
            _ = try await store.writeUsage([.release(try UsageSample.hold("b").reservation)], at: after)
            _ = try await store.writeUsage(expired.map { .expire($0) }, at: after)
        }
        try await requireStates(store, ids, used: [1, 10, 100], reserved: [0, 0, 0], at: after)
    }
}

// Windows
extension UsageContract {
    func beginsAnew() async throws {
        let store = try await newStore()
        for (period, seconds) in [(UsageLimit.Period.minute, Int64(60)), (.day, 86_400), (.month, 31 * 86_400)] {
            let start = Sample.time
            let user = "user-\(period)"
            let id = try await store.set(try UsageSample.budget(.requests, per: period, 1, of: user), at: start).budget
                .id
            func refused(_ name: String, _ time: Timestamp) async throws -> Bool {
                try await store.refusal(of: try UsageSample.hold("\(period).\(name)", of: user, at: time)) != nil
            }
            let last = Timestamp(microseconds: start.advanced(bySeconds: seconds).microseconds - 1)
            let next = start.advanced(bySeconds: seconds)
            try require(try await !refused("first", start), "the first in a \(period)")
            try require(try await refused("second", last), "a second in a \(period)")
            try requireEqual(try await store.state(id, at: next)?.reserved, 0, "set aside in the next \(period)")
            try require(try await !refused("next", next), "the first in the next \(period)")
            // A node whose clock is behind counts with the others.
            try require(try await refused("behind", last), "one in the \(period) that is over for others")
            try requireEqual(try await store.state(id, at: next)?.reserved, 1, "set aside in the next \(period)")
        }
    }

    func countsWhereItBegan() async throws {
        let store = try await newStore()
        let budget = try UsageSample.budget(.tokens, per: .minute, 1000)
        try await store.set(budget)
        _ = try await store.refusal(of: try UsageSample.hold("a"))
        let next = UsageSample.noon.advanced(bySeconds: 61)
        _ = try await store.refusal(of: try UsageSample.hold("b", at: next))
        try await store.settle(try UsageSample.hold("a"), try UsageSample.event("a"), at: next)
        var state = try await store.state(budget.id, at: next)
        try requireEqual(state?.used, 0, "used in the minute after")
        try requireEqual(state?.reserved, 50, "set aside in the minute after")
        // Told late, of the minute that is under way.
        try await store.tell([try UsageSample.event("c", at: next)], at: next)
        state = try await store.state(budget.id, at: next)
        try requireEqual(state?.used, 10, "used in the minute after, once told")
        // The first to be heard of a new minute is an event.
        let later = next.advanced(bySeconds: 60)
        try await store.tell([try UsageSample.event("d", at: later)], at: later)
        state = try await store.state(budget.id, at: later)
        try requireEqual(state?.used, 10, "used in the third minute")
        try requireEqual(state?.reserved, 0, "set aside in the third minute")
    }

    func isNotMovedByTheFuture() async throws {
        let store = try await newStore()
        let budget = try UsageSample.budget(.requests, per: .day, 2)
        try await store.set(budget)
        let future = UsageSample.noon.advanced(bySeconds: 40 * 86_400)
        try await store.tell([try UsageSample.event("future", at: future), try UsageSample.event("now")])
        try requireEqual(try await store.state(budget.id)?.used, 1, "used today")
        try requireEqual(try await store.refusal(of: try UsageSample.hold("a")), nil, "the second of today")
        try require(try await store.refusal(of: try UsageSample.hold("b")) != nil, "a third of today got through")
        try requireEqual(try await store.state(budget.id, at: future)?.used, 1, "used on that day")
    }

    func forgetsTokens() async throws {
        let store = try await newStore()
        let token = UsageHold.Token(
            id: "tokenuse", holder: try UserID("alice"), limits: [UsageLimit(.requests, per: .month, amount: 2)])
        let own = try await store.set(try UsageSample.budget(.requests, per: .month, 100)).budget.id
        try requireEqual(try await store.refusal(of: try UsageSample.hold("a", token: token)), nil, "the first")
        try await store.forgetTokenBudgets(unusedSince: UsageSample.noon)
        try requireEqual(
            try await store.budgets(of: try UserID("alice"), at: UsageSample.noon).count, 2, "counters in use")
        try await store.forgetTokenBudgets(unusedSince: UsageSample.noon.advanced(bySeconds: 1))
        let left = try await store.budgets(of: try UserID("alice"), at: UsageSample.noon)
        try requireEqual(left.map(\.budget.id), [own], "what is left")
        try requireEqual(try await store.refusal(of: try UsageSample.hold("b", token: token)), nil, "the second")
        try require(try await store.refusal(of: try UsageSample.hold("c", token: token)) != nil, "a third got through")
    }
}
