import LatchkeySQL
import LatchkeyTesting
import Logging
import Testing

@testable import LatchkeyCore

/// What calls used reaches the database, whatever the database does meanwhile.
struct UsageRecorderTests {
    private let folder: TemporaryFolder
    private let store: SQLStore
    private let flaky: FlakyUsageStore
    private let recorder: UsageRecorder

    init() async throws {
        folder = try TemporaryFolder()
        store = SQLStore(driver: try SQLiteDriver(path: folder.newFile()))
        try await store.migrate()
        flaky = FlakyUsageStore(store)
        recorder = UsageRecorder(
            store: flaky, pricing: OneCentAToken(), clock: WallClock { UsageSample.noon },
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
    }

    private func events() async throws -> [UsageEvent] {
        let range = UsageRange(from: Sample.time, to: Sample.time.advanced(bySeconds: 86_400))
        return try await store.usageEvents(UsageEventQuery(user: nil, range: range, limit: 100_000)).events
    }

    private func call(_ user: String = "alice", grant: AccessGrant? = nil) throws -> PlannedCall {
        let reference = try Sample.reference(.global)
        return PlannedCall(
            user: try UserID(user), provider: reference.provider, keyName: reference.name, grant: grant,
            model: "gpt-4o-mini", estimate: TokenCounts(input: 10, output: 40), requestID: "req-1", at: UsageSample.noon
        )
    }

    @Test func `what is recorded is written soon, by itself`() async throws {
        let recorder = recorder
        let service = Task { try await recorder.run() }
        defer { service.cancel() }
        for index in 0..<5 {
            recorder.record(try UsageSample.event("e\(index)"), settling: nil)
            let start = ContinuousClock.now
            while try await events().count <= index {
                try #require(ContinuousClock.now - start < .seconds(60), "it was not written")
                await Task.yield()
            }
        }
    }

    @Test func `a flush writes all there is, in few transactions`() async throws {
        for index in 0..<1201 { recorder.record(try UsageSample.event("e\(index)"), settling: nil) }
        await recorder.flush()
        #expect(try await events().count == 1201)
        #expect(flaky.writes.map(\.count) == [500, 500, 201])
    }

    @Test func `a database that is away loses nothing, and nothing is told twice`() async throws {
        try await store.set(try UsageSample.budget(.requests, per: .day, 1000))
        let reservation = try #require(try await recorder.reserve(try call()))
        flaky.fail(times: 6)
        for index in 0..<40 {
            recorder.record(try UsageSample.event("e\(index)"), settling: index == 0 ? reservation : nil)
        }
        await recorder.flush(patience: .seconds(60))
        #expect(try await events().count == 40)
        let state = try await store.budgets(of: try UserID("alice"), at: UsageSample.noon).first
        #expect(state?.used == 40 && state?.reserved == 0)
    }

    @Test func `an event that no database takes does not keep the others`() async throws {
        flaky.refuse("poison")
        for index in 0..<100 {
            recorder.record(try UsageSample.event(index == 37 ? "poison" : "e\(index)"), settling: nil)
        }
        await recorder.flush(patience: .milliseconds(500))
        for index in 100..<200 {
            recorder.record(try UsageSample.event("e\(index)"), settling: nil)
            await recorder.flush(patience: .milliseconds(100))
        }
        let written = try await events()
        #expect(written.count == 199)
        flaky.refuse(nil)
        await recorder.flush()
        #expect(try await events().count == 199, "it was let go of")
    }

    @Test func `an event without a usable id gives back what was set aside for it`() async throws {
        try await store.set(try UsageSample.budget(.requests, per: .day, 1000))
        let reservation = try #require(try await recorder.reserve(try call()))
        recorder.record(try UsageSample.event("no id"), settling: reservation)
        await recorder.flush()
        let state = try await store.budgets(of: try UserID("alice"), at: UsageSample.noon).first
        #expect(state?.used == 0 && state?.reserved == 0)
    }

    @Test func `a call without a budget costs no way to the database`() async throws {
        for _ in 0..<200 { #expect(try await recorder.reserve(try call()) == nil) }
        #expect(flaky.looks <= 3)
        _ = try await recorder.putBudget(
            try UsageSample.budget(.requests, per: .day, 1000, of: "bob"), event: UsageSample.change(.budgetSet))
        let before = flaky.looks
        for _ in 0..<200 { #expect(try await recorder.reserve(try call()) == nil) }
        #expect(flaky.looks - before <= 6)
    }

    @Test func `a budget set here holds from the next call on, one deleted no longer`() async throws {
        let budget = try UsageSample.budget(.requests, per: .day, 1)
        for round in 0..<5 {
            #expect(try await recorder.reserve(try call()) == nil)
            _ = try await recorder.putBudget(budget, event: UsageSample.change(.budgetSet, detail: "\(round)"))
            let reservation = try #require(try await recorder.reserve(try call()))
            await #expect(throws: LatchkeyError.self) { try await recorder.reserve(try call()) }
            recorder.release(reservation)
            await recorder.flush()
            #expect(try await recorder.deleteBudget(budget.id, event: UsageSample.change(.budgetDelete)))
        }
    }

    @Test func `what is set aside is a call, its tokens and what they cost`() async throws {
        for metric in UsageLimit.Metric.allCases {
            try await store.set(try UsageSample.budget(metric, per: .day, .max))
        }
        let grant = AccessGrant(
            id: "tokenser", holder: .service, scopes: [.gateway], limits: [UsageLimit(.tokens, per: .day, amount: 99)])
        _ = try #require(try await recorder.reserve(try call(grant: grant)))
        let states = try await store.budgets(of: try UserID("alice"), at: UsageSample.noon)
        #expect(
            Dictionary(uniqueKeysWithValues: states.map { ($0.budget.limit.metric, $0.reserved) })
                == [.requests: 1, .tokens: 50, .money: 500_000])
        let tokens = try await store.serviceTokenBudgets(at: UsageSample.noon, limit: 10)
        #expect(tokens.map(\.reserved) == [50] && tokens.first?.budget.limit.amount == 99)
        await #expect(throws: LatchkeyError.self) { try await recorder.reserve(try call("bob", grant: grant)) }
    }

    @Test func `calls whose node died count as used after an hour`() async throws {
        try await store.set(try UsageSample.budget(.tokens, per: .day, 1000))
        for _ in 0..<3 { _ = try await recorder.reserve(try call()) }
        await recorder.sweep()
        #expect(try await events().isEmpty)
        let later = UsageSample.noon.advanced(bySeconds: UsageRecorder.reservationSeconds)
        let survivor = UsageRecorder(
            store: store, pricing: OneCentAToken(), clock: WallClock { later },
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        await survivor.sweep()
        let state = try await store.budgets(of: try UserID("alice"), at: later).first
        #expect(state?.used == 150 && state?.reserved == 0)
        #expect(try await events().map(\.isEstimated) == [true, true, true])
    }
}

struct UsageQueueTests {
    @Test func `what does not fit pushes out the oldest`() throws {
        let queue = UsageQueue(partSize: 10, capacity: 30)
        for index in 0..<57 { queue.add(.event(try UsageSample.event("e\(index)"), settling: nil)) }
        var ids: [String] = []
        while true {
            let items = queue.take(parts: 1)
            if items.isEmpty { break }
            for case .event(let event, _) in items.map(\.entry) { ids.append(event.id) }
        }
        #expect(ids == (30..<57).map { "e\($0)" })
        #expect(queue.takeDropped() == 30)
        #expect(queue.takeDropped() == 0)
    }
}

private struct OneCentAToken: Pricing {
    func cost(of tokens: TokenCounts, provider: ProviderID, model: String?, at time: Timestamp) -> Int64? {
        UsageAmounts(tokens, cost: nil).tokens * 10_000
    }
}
