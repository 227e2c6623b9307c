package import LatchkeyCore

/// What a store has to pass whose pages and counts people look at, each property on a new, empty store.
package struct PagesContract: Sendable {
    package typealias Stores = Store & ActivityStore & AdminStore

    private let makeStore: @Sendable () async throws -> any Stores

    /// - Parameter makeStore: a store that is migrated and empty.
    package init(makeStore: @escaping @Sendable () async throws -> any Stores) { self.makeStore = makeStore }

    func newStore() async throws -> any Stores { try await makeStore() }

    package static let properties: [ContractProperty<Self>] = [
        .init("a user reads the user's own events and nobody else's, in every spelling") {
            try await $0.separatesActivity()
        },
        .init("an event of nobody's rows is read by who caused it") { try await $0.readsWhatOneCaused() },
        .init("pages meet every own event once, newest first, hand-outs among them") {
            try await $0.pagesThroughActivity()
        },
        .init("an event comes back as it was written") { try await $0.activityRoundTrips() },
        .init("counts are the rows', and a key past its expiry counts as expired") { try await $0.countsKeys() },
        .init("failing keys come in pages, each once, by user, provider and name") {
            try await $0.pagesThroughFailingKeys()
        },
        .init("users with keys come in pages, and by the beginning of their id") { try await $0.pagesThroughHolders() },
        .init("checks are counted by how they went, the newest only") { try await $0.countsChecks() },
    ]
}

// What happened
extension PagesContract {
    package func separatesActivity() async throws {
        let store = try await newStore()
        let ids = StoreContract.distinctUserIDs
        for (index, id) in ids.enumerated() {
            let reference = try Sample.reference(try Sample.user(id))
            for action in [AuditEvent.Action.keySet, .keyUse] {
                try await store.append(Sample.event(action, reference, detail: "\(index)"))
            }
        }
        for (index, id) in ids.enumerated() {
            let page = try await store.activity(ActivityQuery(user: try UserID(id)))
            try requireEqual(page.events.map(\.detail), ["\(index)", "\(index)"], "the events of user \(index)")
            try requireEqual(page.next, nil, "the next page of user \(index)")
        }
    }

    package func readsWhatOneCaused() async throws {
        let store = try await newStore()
        let (alice, bob) = (try UserID("alice"), try UserID("bob"))
        let own = [
            AuditEvent(at: Sample.time, actor: Actor(kind: .service, id: "alice"), action: .keyUse, owner: .global),
            AuditEvent(at: Sample.time, actor: .admin(alice), action: .keyDelete, owner: .global),
            AuditEvent(at: Sample.time, actor: .admin(alice), action: .setupFinish),
            AuditEvent(at: Sample.time, actor: .admin(bob), action: .budgetSet, owner: .user(alice)),
            AuditEvent(at: Sample.time, actor: .system, action: .keyCheck, owner: .user(alice)),
        ]
        let others = [
            // What an administrator did with somebody's rows is that user's.
            AuditEvent(at: Sample.time, actor: .admin(alice), action: .budgetSet, owner: .user(bob)),
            AuditEvent(at: Sample.time, actor: .user(bob), action: .keyUse, owner: .global),
            AuditEvent(at: Sample.time, actor: .setup, action: .keySet, owner: .global),
            AuditEvent(at: Sample.time, actor: .system, action: .keyCheck, owner: .global),
        ]
        for event in zip(own, others).flatMap({ [$0, $1] }) + own.dropFirst(others.count) {
            try await store.append(event)
        }
        let page = try await store.activity(ActivityQuery(user: alice))
        try requireEqual(page.events, own.reversed(), "what the user caused or owns")
    }

    package func pagesThroughActivity() async throws {
        let store = try await newStore()
        var random = SeededRandom(seed: 21)
        var own: [AuditEvent] = []
        for index in 0..<120 {
            let isOwn = random.chance(0.6)
            let reference = try Sample.reference(try Sample.user(isOwn ? "alice" : "bob"))
            var event = Sample.event(
                random.pick([.keyUse, .keyUse, .keySet, .keyCheck]), reference, detail: "\(index)")
            if random.chance(0.2) { event.outcome = "key_invalid" }
            try await store.append(event)
            if isOwn { own.append(event) }
        }
        for limit in [1, 7, 50, 119, 500] {
            var seen: [AuditEvent] = []
            var before: Int64?
            for _ in 0..<200 {
                let page = try await store.activity(
                    ActivityQuery(user: try UserID("alice"), before: before, limit: limit))
                try require(page.events.count <= limit, "a page of \(page.events.count)")
                try requireEqual(page.usesSince, nil, "since when uses are complete")
                seen += page.events
                guard let next = page.next else { break }
                try requireEqual(page.events.count, limit, "a page with another after it")
                before = next
            }
            try requireEqual(seen, own.reversed(), "all pages of \(limit)")
        }
        for before in [Int64.min, -1, 0, 1] {
            let page = try await store.activity(ActivityQuery(user: try UserID("alice"), before: before))
            try requireEqual(page.events, [], "before \(before)")
        }
    }

    package func activityRoundTrips() async throws {
        let store = try await newStore()
        let owner = try Sample.user("caf\u{e9}")
        for text in ["ok", "integrity", "'; DROP TABLE audit_events; --"] {
            let event = AuditEvent(
                at: Timestamp(microseconds: 1_767_225_600_123_456), actor: Actor(kind: .admin, id: "root \u{e9}"),
                action: .keyDefault, owner: owner, provider: ProviderID("openai"), name: try KeyName("work"),
                rowVersion: 7, outcome: text, detail: text, requestID: "req-1")
            try await store.append(event)
            let page = try await store.activity(ActivityQuery(user: try UserID("caf\u{e9}"), limit: 1))
            try requireEqual(page.events, [event], "the event")
        }
    }
}
