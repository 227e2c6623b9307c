import LatchkeyCore

extension UsageContract {
    func countsTheMorning() async throws {
        let store = try await newStore()
        let morning = Sample.time.advanced(bySeconds: 3600)
        let yesterday = Sample.time.advanced(bySeconds: -1)
        try await store.tell([
            try UsageSample.event("a", at: morning), try UsageSample.event("b", at: UsageSample.noon),
            try UsageSample.event("c", at: yesterday), try UsageSample.event("d", of: "bob"),
        ])
        // What is under way counts too, in budgets that were set later.
        try await store.set(try UsageSample.budget(.requests, per: .month, 10))
        try requireEqual(try await store.refusal(of: try UsageSample.hold("h", at: morning)), nil, "a refusal")
        for (metric, used, reserved) in [(UsageLimit.Metric.requests, 2, 1), (.tokens, 20, 50), (.money, 200, 500)] {
            let budget = try UsageSample.budget(metric, per: .day, 1000)
            let state = try await store.set(budget)
            try requireEqual(state.used, Int64(used), "\(metric) of the day")
            try requireEqual(state.reserved, Int64(reserved), "\(metric) under way")
            try requireEqual(try await store.state(budget.id), state, "the state that is read")
            try requireEqual(state.window, UsageWindow(.day, at: UsageSample.noon), "the window")
        }
    }

    func replacesBudgets() async throws {
        let store = try await newStore()
        var budget = try UsageSample.budget(.requests, per: .day, 2, warnings: [50, 100])
        try await store.set(budget)
        try await store.tell([try UsageSample.event("a"), try UsageSample.event("b")])
        try requireEqual(try await store.state(budget.id)?.warned, [50, 100], "warned of")
        try require(
            try await store.refusal(of: try UsageSample.hold("h")) != nil, "a used up budget lets nothing through")
        budget.limit.amount = 3
        budget.warnings = [90]
        let state = try await store.set(budget)
        try requireEqual(state.budget, budget, "the budget afterwards")
        try requireEqual(state.used, 2, "used")
        try requireEqual(state.warned, [], "warned of")
        try requireEqual(
            try await store.refusal(of: try UsageSample.hold("h")), nil, "the refusal under the raised budget")
        try requireEqual(try await store.budgets(of: try UserID("alice"), at: UsageSample.noon).count, 1, "budgets")
    }

    func keepsSettersApart() async throws {
        let store = try await newStore()
        let own = try UsageSample.budget(.requests, per: .day, 5)
        let operators = try UsageSample.budget(.requests, per: .day, 3, setBy: .operator)
        try await store.set(own)
        try await store.set(operators)
        try requireEqual(try await throughput(store), 3, "calls under both")
        let event = UsageSample.change(.budgetDelete)
        try require(try await store.deleteBudget(operators.id, event: event), "the operator's was there")
        try require(try await !store.deleteBudget(operators.id, event: event), "the operator's was there twice")
        try requireEqual(
            try await store.events(limit: 10).count { $0.action == .budgetDelete }, 1, "events of deleting")
        try requireEqual(try await throughput(store), 2, "calls under what is left of the user's own")
        try require(try await store.deleteBudget(own.id, event: event), "the user's was there")
        try require(try await !store.reserve(try UsageSample.hold("last")), "nothing limits any more")
        try require(try await !store.hasBudgets(), "there are no budgets")
    }

    /// How many calls get through before one is refused.
    private func throughput(_ store: any UsageStores) async throws -> Int {
        for count in 0..<100 {
            let hold = try UsageSample.hold("t\(UInt64.random(in: 0...UInt64.max))")
            if try await store.refusal(of: hold) != nil { return count }
        }
        throw ContractViolation("no call was refused")
    }

    func countsOneKey() async throws {
        let store = try await newStore()
        let reference = try Sample.reference(.global, "openai", "work")
        let budget = try UsageSample.budget(
            .requests, per: .day, 2, subject: .key(reference.provider, reference.name))
        try await store.set(budget)
        try await store.tell([
            try UsageSample.event("a"), try UsageSample.event("b", key: "work"),
            try UsageSample.event("c", provider: "gemini", key: "work"),
            try UsageSample.event("d", of: "bob", key: "work"),
        ])
        try requireEqual(try await store.state(budget.id)?.used, 1, "used with the key")
        for hold in [
            try UsageSample.hold("1"), try UsageSample.hold("2", provider: "gemini", key: "work"),
            try UsageSample.hold("3", of: "bob", key: "work"),
        ] { try require(try await !store.reserve(hold), "the key's budget covers another's call") }
        try requireEqual(
            try await store.refusal(of: try UsageSample.hold("4", key: "work")), nil, "the second with the key")
        try require(try await store.refusal(of: try UsageSample.hold("5", key: "work")) != nil, "a third got through")
    }

    func refusesBudgets() async throws {
        let store = try await newStore()
        let good = try UsageSample.budget(.money, per: .month, 1)
        var bad: [Budget] = []
        func add(_ change: (inout Budget) -> Void) {
            var budget = good
            change(&budget)
            bad.append(budget)
        }
        add { $0.limit.amount = -1 }
        add { $0.warnings = [0] }
        add { $0.warnings = [101] }
        add { $0.warnings = [80, 50] }
        add { $0.warnings = [50, 50] }
        add { $0.warnings = Array(1...11) }
        add { $0.subject = .token("abcdefgh") }
        add { $0.user = nil }
        add { $0.setBy = .grant }
        for budget in bad {
            do {
                try await store.set(budget)
                throw ContractViolation("\(budget) was taken")
            } catch let error as LatchkeyError { try requireEqual(error.code, .invalidLimit, "the code") }
        }
        try require(try await !store.hasBudgets(), "a refused budget is there")
        for index in 0..<BudgetBounds.mostOfUser {
            let reference = try Sample.reference(.global, "openai", "k\(index)")
            try await store.set(
                try UsageSample.budget(.money, per: .day, 1, subject: .key(reference.provider, reference.name)))
        }
        do {
            try await store.set(good)
            throw ContractViolation("one budget too many was taken")
        } catch let error as LatchkeyError { try requireEqual(error.code, .invalidLimit, "the code for one too many") }
        try await store.set(try UsageSample.budget(.money, per: .month, 1, of: "bob"))
    }

    func warnsOnce() async throws {
        let store = try await newStore()
        let reference = try Sample.reference(.global, "openai", "default")
        let budget = try UsageSample.budget(
            .requests, per: .day, 10, subject: .key(reference.provider, reference.name), setBy: .operator,
            warnings: [1, 50, 100])
        try await store.set(budget)
        var warned: [Int] = []
        for index in 0..<14 {
            let written = try await store.tell([try UsageSample.event("e\(index)")])
            warned += written.warnings.map(\.threshold)
            for warning in written.warnings {
                try requireEqual(warning.state.budget, budget, "the budget warned of")
                try requireEqual(warning.state.used, Int64(index + 1), "used at \(warning.threshold) percent")
            }
        }
        try requireEqual(warned, [1, 50, 100], "what was warned of")
        try requireEqual(try await store.state(budget.id)?.warned, [1, 50, 100], "what the state says")
        let events = try await store.events(limit: 20).filter { $0.action == .budgetWarning }
        try requireEqual(
            events.reversed().map(\.detail), ["requests day 1", "requests day 50", "requests day 100"],
            "the details of the audit events")
        try requireEqual(events.first?.owner, .user(try UserID("alice")), "whose the audit event is")
        try requireEqual(events.first?.provider, reference.provider, "the audit event's provider")
        let tomorrow = UsageSample.noon.advanced(bySeconds: 86_400)
        let anew = try await store.tell([try UsageSample.event("tomorrow", at: tomorrow)], at: tomorrow)
        try requireEqual(anew.warnings.map(\.threshold), [1], "what is warned of the next day")
    }

    func warnsOnceInParallel() async throws {
        let store = try await newStore()
        try await store.set(try UsageSample.budget(.tokens, per: .month, 200, warnings: [50]))
        let warnings = try await withThrowingTaskGroup(of: Int.self) { group in
            for index in 0..<40 {
                group.addTask { try await store.tell([try UsageSample.event("e\(index)")]).warnings.count }
            }
            return try await group.reduce(0, +)
        }
        try requireEqual(warnings, 1, "warnings")
        try requireEqual(try await store.events(limit: 100).count { $0.action == .budgetWarning }, 1, "audit events")
    }

    /// Whoever adds an event cannot see a counter that is added at the same moment.
    func countsWhileABudgetIsSet() async throws {
        let store = try await newStore()
        for round in 0..<10 {
            let user = "user-\(round)"
            try await inParallel(17) { index in
                if index == 8 {
                    try await store.set(try UsageSample.budget(.requests, per: .day, 1000, of: user))
                } else {
                    for part in 0..<4 { try await store.tell([try UsageSample.event("e\(index).\(part)", of: user)]) }
                }
            }
            let states = try await store.budgets(of: try UserID(user), at: UsageSample.noon)
            try requireEqual(states.map(\.used), [64], "used in round \(round)")
        }
    }
}
