import LatchkeyCore
import LatchkeyCrypto

// Checks and uses
extension StoreContract {
    private func result(_ verdict: Verdict, decisive: Bool, at time: Timestamp?) -> CheckResult {
        CheckResult(
            verdict: verdict,
            evidence: Evidence(httpStatus: 401, code: "some_code", checkedAt: time, decisive: decisive),
            nextCheckAt: time?.advanced(bySeconds: 60))
    }

    package func recordsChecks() async throws {
        let store = try await newStore()
        var random = SeededRandom(seed: 5)
        for owner in [KeyOwner.global, try Sample.user("alice")] {
            let reference = try Sample.reference(owner)
            let bystander = Sample.fullKey(try Sample.reference(owner, "openai", "other"), random: &random)
            try await store.write(bystander)
            for verdict in Verdict.allCases {
                var key = Sample.fullKey(reference, random: &random)
                key.sealed.rowVersion = try await store.write(key).sealed.rowVersion
                let time = Timestamp(microseconds: random.microseconds())
                let result = result(verdict, decisive: true, at: time)
                let event = Sample.event(.keyCheck, reference, version: key.sealed.rowVersion, detail: verdict.rawValue)
                let isRecorded = try await store.recordCheck(
                    reference, rowVersion: key.sealed.rowVersion, check: result, event: event)
                try require(isRecorded, "the check of the row as it stands was not recorded")
                key.verdict = verdict
                key.evidence = result.evidence
                key.lastValidated = time
                key.nextCheckAt = result.nextCheckAt
                try await requireRow(store, reference, key, "the row after a check that found \(verdict)")
                try requireEqual(try await store.events(limit: 1), [event], "the newest event")
            }
            try await requireRow(
                store, KeyReference(owner, bystander.provider, bystander.name), bystander, "the row beside it")
        }
    }

    package func movesLastValidatedOnDecisionsOnly() async throws {
        let store = try await newStore()
        let reference = try Sample.reference(try Sample.user("alice"))
        try await store.write(Sample.key(reference))
        let first = Sample.time
        let second = first.advanced(bySeconds: 100)
        for (decisive, at, expected) in [(false, first, nil), (true, first, first), (false, second, first)] {
            _ = try await store.recordCheck(
                reference, rowVersion: 1, check: result(.valid, decisive: decisive, at: at),
                event: Sample.event(.keyCheck, reference))
            let key = try await store.key(reference)
            try requireEqual(key?.lastValidated, expected, "last_validated")
            try requireEqual(key?.evidence.checkedAt, at, "checked_at")
        }
        _ = try await store.recordCheck(
            reference, rowVersion: 1,
            check: CheckResult(verdict: .unknown, evidence: Evidence(), nextCheckAt: nil),
            event: Sample.event(.keyCheck, reference))
        let key = try await store.key(reference)
        try requireEqual(key?.evidence, Evidence(), "evidence after a check without any")
        try requireEqual(key?.nextCheckAt, nil, "the next check after a check without one")
        try requireEqual(key?.lastValidated, first, "last_validated after a check without a time")
    }

    package func dropsStaleChecks() async throws {
        let store = try await newStore()
        let reference = try Sample.reference(try Sample.user("alice"))
        let check = result(.invalid, decisive: true, at: Sample.time)
        for _ in 0..<2 { try await store.write(Sample.key(reference)) }
        let before = try await store.key(reference)
        var events = try await store.events(limit: 100).count
        for version: UInt64 in [0, 1, 3, UInt64(Int64.max), .max] {
            let isRecorded = try await store.recordCheck(
                reference, rowVersion: version, check: check, event: Sample.event(.keyCheck, reference))
            try require(!isRecorded, "a check of version \(version) was written to version 2")
            try await requireRow(store, reference, before, "the row")
            events += 1
            try requireEqual(try await store.events(limit: 100).count, events, "events")
        }
        let absent = try Sample.reference(try Sample.user("bob"))
        let isRecorded = try await store.recordCheck(
            absent, rowVersion: 1, check: check, event: Sample.event(.keyCheck, absent))
        try require(!isRecorded, "a check of a row that is not there was recorded")
        try await requireRow(store, absent, nil, "the row that was not there")
    }

    package func listsDueKeys() async throws {
        let store = try await newStore()
        let now = Sample.time
        for (index, offset) in [30, -10, 0, 1, -1_000_000, -20, 86_400].enumerated() {
            let owner = index % 2 == 0 ? KeyOwner.global : try Sample.user("alice")
            let due = Timestamp(microseconds: now.microseconds + Int64(offset))
            try await store.write(Sample.key(try Sample.reference(owner, "p\(index)"), nextCheckAt: due))
        }
        try await store.write(Sample.key(try Sample.reference(.global, "never")))
        let expected = ["p4", "p5", "p1", "p2"]
        try requireEqual(try await store.keysDue(at: now, limit: 100).map(\.provider.text), expected, "keys due")
        for limit in 0...4 {
            let due = try await store.keysDue(at: now, limit: limit).map(\.provider.text)
            try requireEqual(due, Array(expected.prefix(limit)), "keys due with the limit \(limit)")
        }
        let early = try await store.keysDue(at: Timestamp(microseconds: 0), limit: 100)
        try requireEqual(early, [], "keys due in 1970")
    }

    package func recordsUses() async throws {
        let store = try await newStore()
        var random = SeededRandom(seed: 6)
        let owners = [KeyOwner.global, try Sample.user("alice")]
        var keys: [UserAPIKey] = []
        for owner in owners {
            for name in ["a", "b"] {
                keys.append(Sample.fullKey(try Sample.reference(owner, "openai", name), random: &random))
            }
        }
        for key in keys { try await store.write(key) }
        let events = try await store.events(limit: 100)
        let time = Timestamp(microseconds: random.microseconds())
        try await store.recordUse([
            (try Sample.reference(owners[0], "openai", "a"), time),
            (try Sample.reference(owners[1], "openai", "b"), time),
            (try Sample.reference(try Sample.user("nobody")), time),
        ])
        try await store.recordUse([])
        keys[0].lastUsedAt = time
        keys[3].lastUsedAt = time
        for key in keys {
            try await requireRow(store, KeyReference(key.owner, key.provider, key.name), key, "a row after some uses")
        }
        try requireEqual(try await store.events(limit: 100), events, "events: a use is no audit record")
    }
}
