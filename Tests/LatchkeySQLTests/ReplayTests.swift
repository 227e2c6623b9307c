import LatchkeyCore
import LatchkeyCrypto
import LatchkeySQL
import LatchkeyTesting
import Testing

/// Random operations, the same on SQLite and on the plain model: each answer and, now and then, all that can be seen.
struct ReplayTests {
    @Test(arguments: [1, 2, 3, 4, 5, 6] as [UInt64])
    func `a random history leaves what the model says`(seed: UInt64) async throws {
        let database = try await TestDatabase()
        var replay = try Replay(store: database.store, seed: seed)
        for step in 0..<400 {
            try await replay.step()
            if step % 40 == 39 { try await replay.compareEverything(after: step) }
        }
        try await replay.compareEverything(after: 400)
        // What is in the file, as a start after a crash would find it.
        let reopened = SQLStore(driver: try SQLiteDriver(path: database.path))
        try await replay.compareEverything(after: 400, in: reopened)
        #expect(replay.kinds.count == Replay.Kind.allCases.count, "some operation was never tried")
    }
}

struct Replay {
    enum Kind: CaseIterable {
        case put, failingPut, rewrite, delete, deleteAll, check, staleCheck, use, setting, fact, append, keyset
    }

    let store: any Store
    let model = ModelStore()
    var random: SeededRandom
    var kinds: Set<Kind> = []
    var now = Sample.time
    let users: [UserID]

    init(store: any Store, seed: UInt64) throws {
        self.store = store
        random = SeededRandom(seed: seed)
        users = try ["alice", "Alice", "alice ", "caf\u{e9}", "cafe\u{301}"].map { try UserID($0) }
    }

    private mutating func owner() -> KeyOwner { random.chance(0.2) ? .global : .user(random.pick(users)) }

    private mutating func reference() throws -> KeyReference {
        try Sample.reference(owner(), random.pick(["openai", "gemini"]), random.pick(["default", "work", "Work"]))
    }

    /// Does one thing to both and compares what they answer.
    mutating func step() async throws {
        now = now.advanced(bySeconds: random.number(in: 0...5))
        let kind = random.chance(0.4) ? Kind.put : random.pick(Kind.allCases)
        kinds.insert(kind)
        let reference = try reference()
        let event = Sample.event(random.pick([.keySet, .keyUse, .keyDelete]), reference, detail: "\(kind)", at: now)
        switch kind {
        case .put:
            let key = Sample.fullKey(reference, random: &random)
            #expect(try await store.write(key, event: event) == model.write(key, event: event))
        case .failingPut:
            for target in [store, model] as [any Store] {
                await #expect(throws: ContractViolation.self) {
                    _ = try await target.put(reference, event: event) { _ in throw ContractViolation("no") }
                }
            }
        case .rewrite: try await rewrite(reference, event)
        case .delete:
            #expect(try await store.delete(reference, event: event) == model.delete(reference, event: event))
        case .deleteAll:
            guard random.chance(0.3) else { return }
            let owner = reference.owner
            #expect(try await store.deleteAll(of: owner, event: event) == model.deleteAll(of: owner, event: event))
        case .check, .staleCheck: try await check(reference, event, isStale: kind == .staleCheck)
        case .use:
            let uses = [(reference, now), (try self.reference(), now)]
            try await store.recordUse(uses)
            try await model.recordUse(uses)
        case .setting:
            let (user, value) = (random.pick(users), random.chance(0.5))
            try await store.set(.globalFallback, to: value, of: user, event: event)
            try await model.set(.globalFallback, to: value, of: user, event: event)
        case .fact:
            try await store.set(.setupFinished, to: now.rfc3339, event: event)
            try await model.set(.setupFinished, to: now.rfc3339, event: event)
        case .append:
            try await store.append(event)
            try await model.append(event)
        case .keyset:
            let entry = KeysetEntry(
                kid: 1, state: .primary, checkValue: random.bytes(8), createdAt: now.rfc3339, mac: random.bytes(32))
            #expect(try await store.initializeKeyset(entry) == model.initializeKeyset(entry))
        }
    }

    /// Two rows exchanged, made, or gone.
    private mutating func rewrite(_ reference: KeyReference, _ event: AuditEvent) async throws {
        let other = KeyReference(
            reference.owner, reference.provider, try KeyName(reference.name == .default ? "work" : "default"))
        let (keepsFirst, keepsSecond) = (random.chance(0.8), random.chance(0.8))
        let (filler, beside) = (
            Sample.fullKey(reference, random: &random), Sample.fullKey(other, random: &random)
        )
        for target in [store, model] as [any Store] {
            _ = try await target.rewrite(reference, other, events: [event, event]) { old, second in
                let version = max(old?.sealed.rowVersion ?? 0, second?.sealed.rowVersion ?? 0) + 1
                var (new, newSecond) = (second ?? filler, old ?? beside)
                (new.name, newSecond.name) = (reference.name, other.name)
                new.sealed.rowVersion = version
                newSecond.sealed.rowVersion = version
                return KeyPair(keepsFirst ? new : nil, keepsSecond ? newSecond : nil)
            }
        }
    }

    private mutating func check(_ reference: KeyReference, _ event: AuditEvent, isStale: Bool) async throws {
        let version = try await model.key(reference)?.sealed.rowVersion ?? 1
        let result = CheckResult(
            verdict: random.pick(Verdict.allCases),
            evidence: Evidence(
                httpStatus: random.pick([nil, 200, 401]), code: random.pick([nil, "a_code"]), checkedAt: now,
                decisive: random.chance(0.5)),
            nextCheckAt: random.chance(0.2) ? nil : now.advanced(bySeconds: random.number(in: -100...100)))
        let asked = isStale ? version + 1 : version
        #expect(
            try await store.recordCheck(reference, rowVersion: asked, check: result, event: event)
                == model.recordCheck(reference, rowVersion: asked, check: result, event: event))
    }

    /// Everything that the protocol lets one see.
    func compareEverything(after step: Int, in other: (any Store)? = nil) async throws {
        let store = other ?? store
        let comment = Comment(rawValue: "after step \(step)")
        for owner in users.map({ KeyOwner.user($0) }) + [.global] {
            #expect(try await store.keys(of: owner) == model.keys(of: owner), comment)
        }
        for user in users {
            #expect(
                try await store.setting(.globalFallback, of: user) == model.setting(.globalFallback, of: user), comment)
        }
        #expect(try await store.fact(.setupFinished) == model.fact(.setupFinished), comment)
        #expect(try await store.keyset() == model.keyset(), comment)
        #expect(try await store.events(limit: 10_000) == model.events(limit: 10_000), comment)
        for table in KeyTable.allCases {
            #expect(try await store.keyCount(table) == model.keyCount(table), comment)
            let walked = try await store.keys(in: table, afterRow: 0, limit: 10_000).map(\.key)
            #expect(try await walked == model.keys(in: table, afterRow: 0, limit: 10_000).map(\.key), comment)
        }
        // Keys due at one moment have no order between them.
        let due = try await store.keysDue(at: now, limit: 10_000)
        let expected = try await model.keysDue(at: now, limit: 10_000)
        #expect(due.map(\.nextCheckAt) == expected.map(\.nextCheckAt), comment)
        #expect(due.count == expected.count && due.allSatisfy { expected.contains($0) }, comment)
    }
}
