import LatchkeyCore
import LatchkeyCrypto
import Synchronization

// Deletion and walking
extension StoreContract {
    package func deletesOneRow() async throws {
        let store = try await newStore()
        for owner in [KeyOwner.global, try Sample.user("alice")] {
            let reference = try Sample.reference(owner)
            let other = Sample.key(try Sample.reference(owner, "openai", "other"))
            try await store.write(other)
            for _ in 0..<3 { try await store.write(Sample.key(reference)) }
            let event = Sample.event(.keyDelete, reference)
            try requireEqual(try await store.delete(reference, event: event), 3, "the version deleted")
            var expected = event
            expected.rowVersion = 3
            try requireEqual(try await store.events(limit: 1), [expected], "the newest event")
            try await requireRow(store, reference, nil, "the deleted row")
            try requireEqual(try await store.keys(of: owner), [other], "the rows left")
        }
    }

    package func deletesNothing() async throws {
        let store = try await newStore()
        let reference = try Sample.reference(try Sample.user("alice"))
        try await store.write(Sample.key(try Sample.reference(.global)))
        try await store.write(Sample.key(try Sample.reference(try Sample.user("ALICE"))))
        let events = try await store.events(limit: 10)
        try requireEqual(try await store.delete(reference, event: Sample.event(.keyDelete)), nil, "nothing deleted")
        try requireEqual(try await store.events(limit: 10), events, "events")
        try requireEqual(try await store.keyCount(.user), 1, "rows")
    }

    package func deletesAllOfOneOwner() async throws {
        let store = try await newStore()
        let alice = try Sample.user("alice")
        for owner in [alice, try Sample.user("bob"), .global] {
            for name in ["a", "b", "c"] {
                try await store.write(Sample.key(try Sample.reference(owner, "openai", name)))
            }
        }
        for expected in [3, 0] {
            let event = AuditEvent(at: Sample.time, actor: .service, action: .keyDeleteAll, owner: alice)
            try requireEqual(try await store.deleteAll(of: alice, event: event), expected, "rows deleted")
            var counted = event
            counted.detail = "\(expected)"
            try requireEqual(try await store.events(limit: 1), [counted], "the newest event")
        }
        try requireEqual(try await store.keys(of: alice), [], "rows of who deleted them")
        try requireEqual(try await store.keyCount(.user), 3, "rows of the other user")
        try requireEqual(try await store.keyCount(.global), 3, "global rows")
    }

    package func startsAgainAfterDeletion() async throws {
        let store = try await newStore()
        let reference = try Sample.reference(try Sample.user("alice"))
        try await store.write(Sample.key(reference))
        _ = try await store.delete(reference, event: Sample.event(.keyDelete, reference))
        let seen = Mutex<[UserAPIKey?]>([])
        let key = Sample.key(reference)
        _ = try await store.put(reference, event: Sample.event(.keySet, reference)) { existing in
            seen.withLock { $0.append(existing) }
            return key
        }
        try requireEqual(seen.withLock { $0 }, [nil], "what make was given")
    }

    package func walksThroughAllRows() async throws {
        let store = try await newStore()
        for table in KeyTable.allCases {
            for index in 0..<25 {
                let owner = table == .global ? KeyOwner.global : try Sample.user("user-\(index % 4)")
                try await store.write(Sample.key(try Sample.reference(owner, "p\(index)")))
            }
            for gone in [0, 7, 24] {
                let owner = table == .global ? KeyOwner.global : try Sample.user("user-\(gone % 4)")
                _ = try await store.delete(try Sample.reference(owner, "p\(gone)"), event: Sample.event(.keyDelete))
            }
            for limit in [1, 7, 100] {
                var walked: [String] = []
                var last: Int64 = 0
                while true {
                    let rows = try await store.keys(in: table, afterRow: last, limit: limit)
                    try require(rows.count <= limit, "a walk step of \(limit) gave \(rows.count) rows")
                    guard !rows.isEmpty else { break }
                    for row in rows {
                        try require(row.id > last, "row \(row.id) came after row \(last)")
                        last = row.id
                        walked.append(row.key?.provider.text ?? "?")
                    }
                }
                let expected = (0..<25).filter { ![0, 7, 24].contains($0) }.map { "p\($0)" }
                try requireEqual(walked, expected, "rows walked in steps of \(limit)")
            }
        }
    }
}

// Audit, settings, facts, keyset
extension StoreContract {
    package func eventsRoundTrip() async throws {
        let store = try await newStore()
        let owners: [KeyOwner?] = [nil, .global, try Sample.user("caf\u{e9}"), try Sample.user("cafe\u{301}")]
        let actors: [Actor] = [
            .user(try UserID("alice")), .admin(try UserID("root ")), .setup, .service, .system, .cli,
        ]
        let actions: [AuditEvent.Action] = [
            .keySet, .keyUse, .keyCheck, .keyDelete, .keyDeleteAll, .settingsChange, .setupFinish,
        ]
        var written: [AuditEvent] = []
        for (index, action) in actions.enumerated() {
            for (number, owner) in owners.enumerated() {
                let reference = try Sample.reference(owner ?? .global, "p\(number)", "name-\(index)")
                let event = AuditEvent(
                    at: Timestamp(microseconds: Int64(index * 7)), actor: actors[(index + number) % actors.count],
                    action: action, owner: owner, provider: index % 2 == 0 ? nil : reference.provider,
                    name: index % 3 == 0 ? nil : reference.name, rowVersion: [nil, 0, 1, UInt64(Int64.max)][number],
                    outcome: index % 2 == 0 ? "ok" : "integrity", detail: index % 3 == 0 ? nil : "detail'\(index)",
                    requestID: index % 4 == 0 ? nil : "request-\(index)")
                try await store.append(event)
                written.append(event)
            }
        }
        try requireEqual(try await store.events(limit: 1000), written.reversed(), "the events")
        for limit in [0, 1, 5] {
            try requireEqual(
                try await store.events(limit: limit), Array(written.reversed().prefix(limit)),
                "the newest \(limit) events")
        }
    }

    package func parallelAppends() async throws {
        let store = try await newStore()
        try await inParallel(200) { index in try await store.append(Sample.event(detail: "\(index)")) }
        let details = try await store.events(limit: 1000).compactMap(\.detail)
        try requireEqual(Set(details), Set((0..<200).map { "\($0)" }), "the events' details")
        try requireEqual(details.count, 200, "events")
    }

    package func keepsSettings() async throws {
        let store = try await newStore()
        let event = Sample.event(.settingsChange)
        let spellings = [try UserID("caf\u{e9}"), try UserID("cafe\u{301}"), try UserID("Caf\u{e9}")]
        for user in spellings {
            try requireEqual(try await store.setting(.globalFallback, of: user), nil, "a setting never set")
        }
        for value in [true, false, false, true] {
            try await store.set(.globalFallback, to: value, of: spellings[0], event: event)
            try requireEqual(try await store.setting(.globalFallback, of: spellings[0]), value, "the setting")
            for other in spellings.dropFirst() {
                try requireEqual(try await store.setting(.globalFallback, of: other), nil, "another user's setting")
            }
        }
        try requireEqual(try await store.events(limit: 10), Array(repeating: event, count: 4), "events")
    }

    package func keepsFacts() async throws {
        let store = try await newStore()
        let event = Sample.event(.setupFinish)
        try requireEqual(try await store.fact(.setupFinished), nil, "a fact never set")
        for value in ["2026-01-01T00:00:00Z", "", "it's"] {
            try await store.set(.setupFinished, to: value, event: event)
            try requireEqual(try await store.fact(.setupFinished), value, "the fact")
        }
        try requireEqual(try await store.events(limit: 10), Array(repeating: event, count: 3), "events")
    }

    package func initializesTheKeysetOnce() async throws {
        let store = try await newStore()
        try requireEqual(try await store.keyset(), [], "the keyset of an empty store")
        let outcomes = Mutex<[[KeysetEntry]]>([])
        try await inParallel(20) { index in
            let entry = KeysetEntry(
                kid: UInt32(index + 1), state: .primary, checkValue: [UInt8](repeating: UInt8(index), count: 8),
                createdAt: "2026-01-01T00:00:00Z", mac: [UInt8](repeating: UInt8(255 - index), count: 32))
            let entries = try await store.initializeKeyset(entry)
            outcomes.withLock { $0.append(entries) }
        }
        let kept = try await store.keyset()
        try requireEqual(kept.count, 1, "keyset entries")
        try require(outcomes.withLock { $0.allSatisfy { $0 == kept } }, "two callers were told of different keysets")
        let kid = kept[0].kid
        try requireEqual(kept[0].checkValue, [UInt8](repeating: UInt8(kid - 1), count: 8), "the check value")
        try requireEqual(kept[0].mac, [UInt8](repeating: UInt8(256 - Int(kid)), count: 32), "the MAC")
    }
}
