import LatchkeyCore

extension UsageContract {
    private static let always = UsageRange(
        from: Timestamp(microseconds: 0), to: Timestamp(microseconds: 253_402_300_799_999_999))

    private func everything(_ store: any UsageStores, _ user: String?) async throws -> [UsageEvent] {
        try await store.usageEvents(
            UsageEventQuery(user: try user.map { try UserID($0) }, range: Self.always, limit: 10_000)
        ).events
    }

    func eventsOfUsageRoundTrip() async throws {
        let store = try await newStore()
        var random = SeededRandom(seed: 11)
        let events = try (0..<150).map { index in
            let user = random.pick(["alice", "Alice", "caf\u{e9}", "cafe\u{301}", "'", "%"])
            return try UsageSample.fullEvent("e\(index)", of: user, random: &random)
        }
        let written = try await store.tell(events, at: Sample.time)
        try requireEqual(written.new, events.count, "new events")
        for user in ["alice", "Alice", "caf\u{e9}", "cafe\u{301}", "'", "%", "nobody"] {
            let id = try UserID(user)
            let expected = events.filter { $0.user == id }.map(\.bounded).sorted { $0.at > $1.at }
            try requireEqual(try await everything(store, user), expected, "the events of \(user)")
        }
        try requireEqual(try await everything(store, nil).count, events.count, "everyone's events")
    }

    func countsAnEventOnce() async throws {
        let store = try await newStore()
        let budget = try await store.set(try UsageSample.budget(.tokens, per: .day, 1000)).budget.id
        let event = try UsageSample.event("one")
        var other = event
        other.tokens = TokenCounts(input: 900)
        try requireEqual(try await store.tell([event, other, event]).new, 1, "new of one told thrice")
        try requireEqual(try await store.tell([other, event]).new, 0, "new of one told again")
        let bobs = try UsageSample.event("one", of: "bob")
        try requireEqual(try await store.tell([bobs, event]).new, 1, "new of the same id of another user")
        try requireEqual(try await store.state(budget)?.used, 10, "what was used")
        try requireEqual(try await everything(store, "alice"), [event], "the event that was told first")
    }

    func countsAnEventOnceInParallel() async throws {
        let store = try await newStore()
        let budget = try await store.set(try UsageSample.budget(.requests, per: .day, 1000)).budget.id
        let events = try (0..<20).map { try UsageSample.event("e\($0)") }
        let new = try await withThrowingTaskGroup(of: Int.self) { group in
            for index in 0..<8 {
                // In as many orders as there are tasks.
                let own = Array(events[index...] + events[..<index])
                group.addTask { try await store.tell(own).new }
            }
            return try await group.reduce(0, +)
        }
        try requireEqual(new, events.count, "new events of all tasks together")
        try requireEqual(try await store.state(budget)?.used, Int64(events.count), "what was used")
    }

    func refusesUnusableIDs() async throws {
        let store = try await newStore()
        let good = try UsageSample.event("good")
        for id in ["", "a b", "é", "a\u{0}", "a/b", String(repeating: "x", count: 65)] {
            var bad = good
            bad.id = id
            do {
                try await store.tell([good, bad])
                throw ContractViolation("the id \(id.debugDescription) was taken")
            } catch let error as LatchkeyError {
                try requireEqual(error.code, .invalidUsage, "the code for \(id.debugDescription)")
            }
        }
        try requireEqual(try await everything(store, nil), [], "events beside a refused one")
    }

    func keepsWithinBounds() async throws {
        let store = try await newStore()
        var ids: [BudgetID] = []
        for metric in UsageLimit.Metric.allCases {
            ids.append(try await store.set(try UsageSample.budget(metric, per: .day, .max)).budget.id)
        }
        var events: [UsageEvent] = []
        for (index, number) in [Int64.max, .min, -1, 0].enumerated() {
            var event = try UsageSample.event(
                "n\(index)", tokens: TokenCounts(input: number, output: number, cachedInput: number), cost: number)
            event.status = Int(number)
            event.duration = number
            event.firstByte = number
            event.model = String(repeating: "🔑\u{0}\u{7f}", count: 200)
            event.requestID = String(repeating: "r\u{0}", count: 200)
            event.operation = "\u{0}"
            events.append(event)
            for (second, time) in [Int64.max, .min].enumerated() {
                var odd = event
                odd.id = "t\(index).\(second)"
                odd.at = Timestamp(microseconds: time)
                events.append(odd)
            }
        }
        try requireEqual(try await store.tell(events).new, events.count, "events of odd numbers")
        let most = UsageEvent.mostTokens
        let used = try await ids.asyncMap { try await store.state($0)?.used }
        try requireEqual(used, [UsageEvent.mostCost, 2 * most, 4], "what was used of money, tokens, requests")
        // The largest of what may be set aside, beside what is used: no sum of it overflows.
        let hold = try UsageSample.hold("h", tokens: TokenCounts(input: .max, output: .max), cost: .max)
        try requireEqual(try await store.refusal(of: hold), nil, "a refusal under a limit without end")
        try requireEqual(
            try await store.usage(UsageQuery(user: nil, range: Self.always, dimensions: [])).first?.input, most * 3,
            "the sum of what was put in")
    }

    func sumsByEverySet() async throws {
        let store = try await newStore()
        var random = SeededRandom(seed: 3)
        var events: [UsageEvent] = []
        for index in 0..<300 {
            var event = try UsageSample.fullEvent("e\(index)", of: random.pick(["alice", "bob"]), random: &random)
            event.at = Sample.time.advanced(bySeconds: random.number(in: 0...(4 * 86_400 - 1)))
            events.append(event)
        }
        try await store.tell(events)
        let range = UsageRange(
            from: Sample.time.advanced(bySeconds: 86_400), to: Sample.time.advanced(bySeconds: 3 * 86_400))
        for mask in 0..<(1 << UsageDimension.allCases.count) {
            let dimensions = Set(
                UsageDimension.allCases.enumerated().filter { mask & (1 << $0.offset) != 0 }.map(\.element))
            for user in [nil, try UserID("alice"), try UserID("nobody")] {
                let seen = try await store.usage(UsageQuery(user: user, range: range, dimensions: dimensions))
                let mine = events.filter {
                    (user == nil || $0.user == user) && $0.at >= range.from && $0.at < range.to
                }
                let expected = UsageModel.sums(mine, by: dimensions)
                try requireEqual(
                    UsageModel.sorted(seen), UsageModel.sorted(expected),
                    "sums by \(dimensions.map(\.rawValue).sorted())")
            }
        }
    }

    func sumsComeInPages() async throws {
        let store = try await newStore()
        try await store.tell(
            try (0..<25).map { try UsageSample.event("e\($0)", model: "m\($0 / 2)", token: nil) })
        var query = UsageQuery(user: nil, range: Self.always, dimensions: [.model, .day], limit: 5)
        let all = try await store.usage(UsageQuery(user: nil, range: Self.always, dimensions: [.model, .day]))
        var paged: [UsageSum] = []
        for page in 0..<4 {
            query.offset = page * 5
            paged += try await store.usage(query)
        }
        try requireEqual(all.count, 13, "models")
        try requireEqual(paged, all, "the pages together")
    }

    func pagesThroughEvents() async throws {
        let store = try await newStore()
        // Many in one moment: the order among them is that of their rows.
        let events = try (0..<60).map { index in
            try UsageSample.event(
                "e\(index)", of: index % 3 == 0 ? "bob" : "alice",
                at: Sample.time.advanced(bySeconds: Int64(index / 15)))
        }
        try await store.tell(events)
        for user in [nil, try UserID("alice"), try UserID("bob")] {
            let range = UsageRange(from: Sample.time, to: Sample.time.advanced(bySeconds: 3))
            var seen: [UsageEvent] = []
            var cursor: UsageCursor?
            repeat {
                let page = try await store.usageEvents(
                    UsageEventQuery(user: user, range: range, before: cursor, limit: 7))
                seen += page.events
                cursor = page.next
            } while cursor != nil
            let expected = events.filter { (user == nil || $0.user == user) && $0.at < range.to }
            try requireEqual(seen.map(\.at), expected.map(\.at).sorted(by: >), "the times")
            try requireEqual(Set(seen.map(\.id)), Set(expected.map(\.id)), "the events")
            try requireEqual(seen.count, expected.count, "how many")
        }
    }

    func listsUnpricedModels() async throws {
        let store = try await newStore()
        var events: [UsageEvent] = []
        for (model, count) in [("new", 3), ("newer", 5)] {
            for index in 0..<count {
                events.append(try UsageSample.event("\(model)\(index)", cost: nil, model: model))
            }
        }
        events.append(try UsageSample.event("priced", model: "old"))
        events.append(try UsageSample.event("list", tokens: TokenCounts(), cost: nil, model: nil))
        events.append(try UsageSample.event("bobs", of: "bob", cost: nil, model: nil))
        try await store.tell(events)
        func models(_ user: String?, _ limit: Int = 10) async throws -> [String?] {
            let user = try user.map { try UserID($0) }
            return try await store.unpricedModels(of: user, in: Self.always, limit: limit).map(\.model)
        }
        try requireEqual(try await models("alice"), ["newer", "new"], "alice's models without a price")
        try requireEqual(try await models(nil), ["newer", "new", nil], "everyone's")
        try requireEqual(try await models(nil, 1), ["newer"], "the first")
    }
}

/// Sums as anybody would compute them.
package enum UsageModel {
    static func sums(_ events: [UsageEvent], by dimensions: Set<UsageDimension>) -> [UsageSum] {
        // Without a dimension there is one sum, of nothing too.
        var sums: [[String]: UsageSum] = dimensions.isEmpty ? [[]: UsageSum()] : [:]
        for event in events {
            var sum = UsageSum()
            if dimensions.contains(.day) { sum.day = Timestamp(daysSinceEpoch: event.at.daysSinceEpoch) }
            if dimensions.contains(.user) { sum.user = event.user }
            if dimensions.contains(.provider) { sum.provider = event.provider }
            if dimensions.contains(.model) { sum.model = event.model }
            if dimensions.contains(.key) { sum.keyName = event.keyName }
            let key = dimensions.isEmpty ? [] : name(sum)
            var total = sums[key] ?? sum
            total.requests += 1
            total.input += event.tokens.input ?? 0
            total.output += event.tokens.output ?? 0
            total.cachedInput += event.tokens.cachedInput ?? 0
            total.cost += event.cost ?? 0
            let isUnpriced = event.cost == nil && (event.tokens.input != nil || event.tokens.output != nil)
            total.unpriced += isUnpriced ? 1 : 0
            sums[key] = total
        }
        return Array(sums.values)
    }

    static func sorted(_ sums: [UsageSum]) -> [UsageSum] {
        sums.sorted { name($0).lexicographicallyPrecedes(name($1)) }
    }

    /// Bytes in text: two spellings of one name are two models.
    private static func name(_ sum: UsageSum) -> [String] {
        [
            "\(sum.day?.microseconds ?? -1)", "\(sum.user?.bytes ?? [])", sum.provider?.text ?? "",
            "\(Array((sum.model ?? "").utf8))", sum.keyName?.text ?? "",
        ]
    }
}

extension Array {
    fileprivate func asyncMap<T>(_ transform: (Element) async throws -> T) async rethrows -> [T] {
        var result: [T] = []
        for element in self { result.append(try await transform(element)) }
        return result
    }
}
