import LatchkeyCore
import LatchkeySQL
import LatchkeyTesting
import Testing

/// Random histories of calls and budgets: after each step every counter is the sum of what it counts.
struct UsageReplayTests {
    @Test(arguments: [1, 2, 3, 4, 5, 6] as [UInt64])
    func `a random history leaves what the model says`(seed: UInt64) async throws {
        let database = try await TestDatabase()
        try await play(database.store, seed: seed, steps: 400)
    }

    @Test(TestPostgreSQL.isThere, arguments: [7, 8] as [UInt64])
    func `and on PostgreSQL`(seed: UInt64) async throws {
        let database = try await TestPostgreSQL()
        try await database.withStore { try await play($0, seed: seed, steps: 250) }
    }

    private func play(_ store: SQLStore, seed: UInt64, steps: Int) async throws {
        var replay = try UsageReplay(store: store, seed: seed)
        for step in 0..<steps {
            try await replay.step()
            try await replay.compare(after: step)
        }
        try await replay.settleEverything()
        try await replay.compare(after: steps)
        #expect(replay.refused > 5 && replay.held > 5, "\(replay.held) calls were held, \(replay.refused) refused")
    }

    @Test(arguments: [1, 2] as [UInt64])
    func `calls side by side never exceed a limit, and settle to the sum of the events`(seed: UInt64) async throws {
        let database = try await TestDatabase()
        try await crowd([database.store], seed: seed)
    }

    @Test(TestPostgreSQL.isThere) func `and through two nodes`() async throws {
        let database = try await TestPostgreSQL()
        try await database.withStore { here in
            try await database.withStore { there in try await crowd([here, there], seed: 3) }
        }
        // The server would have undone them and they would have been run again: slow, and hidden.
        let deadlocks = try await database.column(
            "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")
        #expect(deadlocks == ["0"])
    }

    private func crowd(_ stores: [SQLStore], seed: UInt64) async throws {
        let limits: [(UsageLimit.Metric, Int64)] = [(.requests, 60), (.tokens, 2000), (.money, 25_000)]
        let alice = try UserID("alice")
        for (metric, amount) in limits {
            try await stores[0].set(try UsageSample.budget(metric, per: .day, amount, warnings: [50, 100]))
        }
        let token = UsageHold.Token(id: "tokenser", holder: nil, limits: [UsageLimit(.requests, per: .day, amount: 55)])
        try await withThrowingTaskGroup(of: Void.self) { group in
            for task in 0..<16 {
                let store = stores[task % stores.count]
                group.addTask {
                    var random = SeededRandom(seed: seed &* 100 &+ UInt64(task))
                    for round in 0..<12 {
                        let id = "\(task).\(round)"
                        let hold = try UsageSample.hold(id, token: random.chance(0.5) ? token : nil)
                        guard try await store.refusal(of: hold) == nil else { continue }
                        if random.chance(0.3) {
                            try await store.writeUsage([.release(hold.reservation)], at: UsageSample.noon)
                            continue
                        }
                        let tokens = TokenCounts(
                            input: random.number(in: 0...10), output: random.number(in: 0...40))
                        let event = try UsageSample.event(
                            id, tokens: tokens, cost: random.number(in: 0...500), token: hold.token?.id)
                        for _ in 0..<(random.chance(0.2) ? 2 : 1) { try await store.settle(hold, event) }
                    }
                }
                group.addTask {
                    // At every moment.
                    for _ in 0..<15 {
                        for state in try await store.budgets(of: alice, at: UsageSample.noon) {
                            #expect(state.used + state.reserved <= state.budget.limit.amount)
                            #expect(state.reserved >= 0)
                        }
                    }
                }
            }
            try await group.waitForAll()
        }
        let range = UsageRange(from: Sample.time, to: Sample.time.advanced(bySeconds: 86_400))
        let events = try await stores[0].usageEvents(UsageEventQuery(user: nil, range: range, limit: 10_000)).events
        var states = try await stores[0].budgets(of: alice, at: UsageSample.noon)
        states += try await stores[0].serviceTokenBudgets(at: UsageSample.noon, limit: 10)
        #expect(states.count == 4)
        for state in states {
            let counted = events.filter {
                state.budget.subject.covers($0.provider, $0.keyName, token: $0.tokenID)
            }
            let sum = counted.reduce(0) { $0 + UsageAmounts($1.tokens, cost: $1.cost)[state.budget.limit.metric] }
            #expect(state.used == sum && state.reserved == 0, "\(state.budget.limit)")
        }
        #expect(events.count > 10)
    }
}

/// One history, done to the store and to a model that keeps lists and nothing else.
struct UsageReplay {
    let store: SQLStore
    private var random: SeededRandom
    private var now = UsageSample.noon
    private var events: [String: UsageEvent] = [:]
    private var open: [String: UsageHold] = [:]
    private var budgets: [BudgetID: Budget] = [:]
    private var names = 0
    private(set) var held = 0
    private(set) var refused = 0

    private static let users = ["alice", "Alice", "caf\u{e9}"]
    private static let tokens: [UsageHold.Token?] = [
        nil, nil,
        UsageHold.Token(id: "tokenser", holder: nil, limits: [UsageLimit(.requests, per: .day, amount: 12)]),
        UsageHold.Token(id: "tokennon", holder: nil, limits: []),
    ]

    init(store: SQLStore, seed: UInt64) throws {
        self.store = store
        random = SeededRandom(seed: seed)
    }

    private mutating func name() -> String {
        names += 1
        return "n\(names)"
    }

    mutating func step() async throws {
        if random.chance(0.2) {
            now = now.advanced(bySeconds: random.number(in: 0...random.pick([5, 100, 4000, 90_000])))
        }
        switch random.number(in: 0...9) {
        case 0: try await changeBudget()
        case 1...4: try await reserve()
        case 5, 6: try await settle()
        case 7: try await release()
        case 8: try await tell()
        default: try await expire()
        }
    }

    private mutating func changeBudget() async throws {
        let key = try Sample.reference(.global, "openai", "work")
        let budget = try UsageSample.budget(
            random.pick(UsageLimit.Metric.allCases), per: random.pick(UsageLimit.Period.allCases),
            random.number(in: 0...random.pick([3, 300, 5000])), of: random.pick(Self.users),
            subject: random.pick([.user, .key(key.provider, key.name)]), setBy: random.pick([.user, .operator]),
            warnings: [80])
        if random.chance(0.4), let id = budgets.keys.min(by: { "\($0)" < "\($1)" }) {
            #expect(try await store.deleteBudget(id, event: UsageSample.change(.budgetDelete, at: now, detail: name())))
            budgets[id] = nil
        } else {
            try await store.putBudget(budget, at: now, event: UsageSample.change(.budgetSet, at: now, detail: name()))
            budgets[budget.id] = budget
        }
    }

    private mutating func hold() throws -> UsageHold {
        try UsageSample.hold(
            name(), of: random.pick(Self.users), at: now, key: random.pick(["default", "work"]),
            token: random.pick(Self.tokens), tokens: TokenCounts(input: random.number(in: 0...50), output: nil),
            cost: random.pick([nil, random.number(in: 0...200)]))
    }

    private mutating func reserve() async throws {
        let hold = try hold()
        for limit in hold.token?.limits ?? [] {
            let budget = Budget(user: nil, subject: .token(hold.token?.id ?? ""), limit: limit, setBy: .grant)
            budgets[budget.id] = budget
        }
        let covering = budgets.values.filter { budget in
            (budget.user == nil || budget.user == hold.user)
                && budget.subject.covers(hold.provider, hold.keyName, token: hold.token?.id)
                // A token's counter is asked only by a call that shows its limits.
                && (budget.setBy != .grant || !(hold.token?.limits.isEmpty ?? true))
        }
        let fits = covering.allSatisfy { budget in
            let (used, reserved) = counts(budget)
            let taken = used + reserved
            return taken < budget.limit.amount && taken + hold.amounts[budget.limit.metric] <= budget.limit.amount
        }
        do {
            let isHeld = try await store.reserve(hold)
            #expect(fits && isHeld == !covering.isEmpty)
            if isHeld {
                open[hold.reservation.id] = hold
                held += 1
            }
        } catch let error as LatchkeyError where error.code == .budgetExceeded {
            #expect(!fits)
            refused += 1
        }
    }

    private mutating func anyOpen() -> UsageHold? {
        open.isEmpty ? nil : open[random.pick(open.keys.sorted())]
    }

    private mutating func settle() async throws {
        guard let hold = anyOpen() else { return try await tell() }
        let event = try event(of: hold.user, at: hold.at, key: hold.keyName.text, token: hold.token?.id)
        try await store.writeUsage([.event(event, settling: hold.reservation)], at: now)
        add(event)
        open[hold.reservation.id] = nil
    }

    private mutating func release() async throws {
        guard let hold = anyOpen() else { return }
        try await store.writeUsage([.release(hold.reservation)], at: now)
        open[hold.reservation.id] = nil
    }

    /// Some of them known, some of before, some from the future.
    private mutating func tell() async throws {
        var told: [UsageEvent] = []
        for _ in 0..<random.number(in: 1...20) {
            let user = try UserID(random.pick(Self.users))
            let time = now.advanced(bySeconds: random.number(in: -4000...random.pick([0, 0, 100_000])))
            told.append(
                try event(
                    of: user, at: time, key: random.pick(["default", "work"]), token: random.pick(Self.tokens)?.id))
        }
        if let known = events.keys.min(), let event = events[known] { told.append(event) }
        let before = events.count
        for event in told { add(event) }
        let written = try await store.writeUsage(told.map { .event($0, settling: nil) }, at: now)
        #expect(written.new == events.count - before)
    }

    private mutating func event(of user: UserID, at time: Timestamp, key: String, token: String?) throws -> UsageEvent {
        try UsageSample.event(
            name(), of: user.text, at: time, key: key,
            tokens: TokenCounts(
                input: random.pick([nil, random.number(in: 0...60)]), output: random.number(in: 0...9)),
            cost: random.pick([nil, random.number(in: 0...200)]), token: token)
    }

    private mutating func add(_ event: UsageEvent) {
        let id = "\(event.user.bytes)\(event.id)"
        if events[id] == nil { events[id] = event }
    }

    private mutating func expire() async throws {
        let expired = try await store.expiredReservations(at: now, limit: 1000)
        let due = open.values.filter { $0.expiresAt <= now }
        #expect(Set(expired.map(\.id)) == Set(due.map(\.reservation.id)))
        try await store.writeUsage(expired.map { .expire($0) }, at: now)
        for hold in due {
            open[hold.reservation.id] = nil
            var event = try UsageSample.event(
                hold.reservation.expiredEventID, of: hold.user.text, at: hold.at, key: hold.keyName.text,
                tokens: hold.tokens, cost: hold.cost, token: hold.token?.id)
            event.isEstimated = true
            add(event)
        }
    }

    mutating func settleEverything() async throws {
        while !open.isEmpty { try await settle() }
    }

    private func counts(_ budget: Budget) -> (used: Int64, reserved: Int64) {
        let window = UsageWindow(budget.limit.period, at: now)
        func counted(_ usage: (UserID, ProviderID, KeyName, String?, Timestamp, UsageAmounts)) -> Int64 {
            let (user, provider, name, token, at, amounts) = usage
            guard budget.user == nil || budget.user == user, budget.subject.covers(provider, name, token: token),
                at >= window.start, at < window.end
            else { return 0 }
            return amounts[budget.limit.metric]
        }
        let used = events.values.map { event in
            counted(
                (
                    event.user, event.provider, event.keyName, event.tokenID, event.at,
                    UsageAmounts(event.tokens, cost: event.cost)
                ))
        }
        let reserved = open.values.map { hold in
            counted((hold.user, hold.provider, hold.keyName, hold.token?.id, hold.at, hold.amounts))
        }
        return (used.reduce(0, +), reserved.reduce(0, +))
    }

    func compare(after step: Int) async throws {
        var states = try await store.serviceTokenBudgets(at: now, limit: 100)
        for user in Self.users { states += try await store.budgets(of: try UserID(user), at: now) }
        let comment = Comment(rawValue: "after step \(step)")
        #expect(Set(states.map(\.budget.id)) == Set(budgets.keys), comment)
        for state in states {
            guard let budget = budgets[state.budget.id] else { continue }
            let (used, reserved) = counts(budget)
            #expect(state.used == used && state.reserved == reserved, comment)
            #expect(state.budget.limit == budget.limit, comment)
        }
    }
}
