import HTTPTypes
import LatchkeyCore
import LatchkeyGateway
import LatchkeyTesting
import NIOCore
import NIOEmbedded
import NIOHTTP1
import NIOHTTPTypes
import Testing

/// For which day a call counts, and what becomes of what was set aside for it.
struct BudgetTimeTests {
    /// A second before midnight.
    private static let evening: Int64 = 1_767_225_600 + 86_399

    @Test func `a call counts for when its body is there, not for when its head came in`() async throws {
        let run = try await GatewayRun(at: Self.evening, answers: [ScriptedAnswer(200)])
        try await run.send(.head(run.chat(length: 2)))
        try await run.until { run.callers.count == 1 }
        run.clock.advance(seconds: 2)
        try await run.send(.body(ByteBuffer(string: "{}")), .end(nil))
        #expect(try await run.status() == 200)
        let at = run.clock.clock.now()
        #expect(run.ledger.planned.map(\.at) == [at])
        #expect(run.ledger.events.map(\.at) == [at])
        #expect(run.ledger.open.isEmpty && run.ledger.settled.count == 1)
    }

    @Test func `one that ends after midnight is settled for the day it was let through`() async throws {
        let run = try await GatewayRun(at: Self.evening, answers: [ScriptedAnswer(200)])
        let at = run.clock.clock.now()
        run.upstream.onCall { _ in run.clock.advance(seconds: 60) }
        try await run.send(.head(run.chat(length: 2)), .body(ByteBuffer(string: "{}")), .end(nil))
        #expect(try await run.status() == 200)
        #expect(run.ledger.planned.map(\.at) == [at])
        #expect(run.ledger.events.map(\.at) == [at], "what is settled has to be found where it was set aside")
        #expect(run.ledger.settled.map(\.id) == ["reservation-1"] && run.ledger.open.isEmpty)
    }

    @Test func `another key's try counts for itself, and what was set aside for the first is given back`() async throws
    {
        let run = try await GatewayRun(at: Self.evening, answers: [ScriptedAnswer(429), ScriptedAnswer(200)])
        try await run.addKey("other")
        let at = run.clock.clock.now()
        run.upstream.onCall { number in
            if number == 1 { run.clock.advance(seconds: 60) }
        }
        try await run.send(.head(run.chat(length: 2)), .body(ByteBuffer(string: "{}")), .end(nil))
        #expect(try await run.status() == 200)
        let later = at.advanced(bySeconds: 60)
        #expect(run.ledger.planned.map(\.at) == [at, later])
        #expect(run.ledger.planned.map(\.keyName.text) == ["default", "other"])
        #expect(run.ledger.released.map(\.id) == ["reservation-1"])
        #expect(run.ledger.settled.map(\.id) == ["reservation-2"])
        #expect(run.ledger.events.map(\.at) == [later] && run.ledger.open.isEmpty)
    }

    @Test func `where the budget has no room for another try, the first refusal is the answer`() async throws {
        let run = try await GatewayRun(at: Self.evening, answers: [ScriptedAnswer(429)])
        try await run.addKey("other")
        run.upstream.onCall { _ in run.ledger.refuse(LatchkeyError(.budgetExceeded, "used up")) }
        try await run.send(.head(run.chat(length: 2)), .body(ByteBuffer(string: "{}")), .end(nil))
        let answer = try await run.answer()
        #expect(answer.status == 429 && answer.body == "scripted")
        #expect(run.ledger.released.map(\.id) == ["reservation-1"] && run.ledger.open.isEmpty)
    }

    @Test func `a caller who leaves while no connection is free leaves nothing set aside`() async throws {
        let run = try await GatewayRun(at: Self.evening, answers: [])
        try await run.send(.head(run.chat(length: 2)), .body(ByteBuffer(string: "{}")), .end(nil))
        try await run.until { run.upstream.waiting == 1 }
        try await run.leave()
        try await run.until { run.ledger.open.isEmpty && run.ledger.released.count == 1 }
        #expect(run.ledger.events.isEmpty && run.upstream.waiting == 0)
    }
}
