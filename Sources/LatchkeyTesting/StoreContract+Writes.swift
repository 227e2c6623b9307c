import LatchkeyCore
import LatchkeyCrypto
import Synchronization

// Writing one row, alone and at once
extension StoreContract {
    package func putHandsOverTheOldRow() async throws {
        let store = try await newStore()
        let reference = try Sample.reference(try Sample.user("alice"))
        var random = SeededRandom(seed: 4)
        var previous: UserAPIKey?
        for version in 1...UInt64(5) {
            let key = Sample.fullKey(reference, version: version, random: &random)
            let seen = Mutex<[UserAPIKey?]>([])
            _ = try await store.put(reference, event: Sample.event(.keySet, reference)) { existing in
                seen.withLock { $0.append(existing) }
                return key
            }
            try requireEqual(seen.withLock { $0 }, [previous], "what make was given for version \(version)")
            previous = key
        }
    }

    package func putWritesItsEvent() async throws {
        let store = try await newStore()
        let reference = try Sample.reference(try Sample.user("alice"))
        for version in 1...UInt64(3) {
            let event = Sample.event(.keySet, reference, version: 99)
            try await store.write(Sample.key(reference), event: event)
            var expected = event
            expected.rowVersion = version
            try requireEqual(try await store.events(limit: 1), [expected], "the newest event")
            try requireEqual(try await store.events(limit: 10).count, Int(version), "events")
        }
    }

    package func putIsUndoneByErrors() async throws {
        let store = try await newStore()
        let reference = try Sample.reference(try Sample.user("alice"))
        for round in 0..<2 {
            let before = try await store.key(reference)
            let events = try await store.events(limit: 10)
            do {
                _ = try await store.put(reference, event: Sample.event(.keySet, reference)) { _ in
                    throw ContractViolation("made to fail")
                }
                throw ContractViolation("put returned although make threw")
            } catch let error as ContractViolation {
                try requireEqual(error.description, "made to fail", "the error")
            }
            try await requireRow(store, reference, before, "the row after a put that failed")
            try requireEqual(try await store.events(limit: 10), events, "events after a put that failed")
            if round == 0 { try await store.write(Sample.key(reference)) }
        }
    }

    package func parallelPutsTakeTurns() async throws {
        let store = try await newStore()
        let reference = try Sample.reference(try Sample.user("alice"))
        let versions = Mutex<[UInt64]>([])
        try await inParallel(100) { index in
            var key = Sample.key(reference)
            key.label = "\(index)"
            let written = try await store.write(key)
            versions.withLock { $0.append(written.sealed.rowVersion) }
        }
        try requireEqual(versions.withLock { $0.sorted() }, Array(1...100), "the versions written")
        try requireEqual(try await store.key(reference)?.sealed.rowVersion, 100, "the last version")
        try requireEqual(try await store.keyCount(.user), 1, "rows")
        let events = try await store.events(limit: 1000)
        // Newest first, and each event was written in the transaction of its row.
        try requireEqual(events.map(\.rowVersion), (1...100).reversed().map { UInt64($0) }, "the events' versions")
    }

    package func parallelPutsOfManyKeys() async throws {
        let store = try await newStore()
        try await inParallel(100) { index in
            let owner = index % 5 == 0 ? KeyOwner.global : try Sample.user("user-\(index % 10)")
            try await store.write(Sample.key(try Sample.reference(owner, "p\(index)")))
        }
        try requireEqual(try await store.keyCount(.global), 20, "global rows")
        try requireEqual(try await store.keyCount(.user), 80, "users' rows")
        try requireEqual(try await store.events(limit: 1000).count, 100, "events")
    }
}
