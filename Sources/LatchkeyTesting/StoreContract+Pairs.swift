import LatchkeyCore
import LatchkeyCrypto
import Synchronization

// Two rows in one transaction
extension StoreContract {
    package func rewritesTwoRows() async throws {
        for owner in [KeyOwner.global, try Sample.user("caf\u{e9}")] {
            let store = try await newStore()
            var random = SeededRandom(seed: 11)
            let (first, second) = (try Sample.reference(owner), try Sample.reference(owner, "openai", "work"))
            let one = try await store.write(Sample.fullKey(first, random: &random))
            let two = try await store.write(Sample.fullKey(second, random: &random))
            let bystander = try await store.write(Sample.key(try Sample.reference(owner, "gemini", "work")))
            let ids = try await store.keys(in: owner.table, afterRow: 0, limit: 10).map(\.id)
            let events = [
                Sample.event(.keyDefault, second, version: 9, detail: "to_default"),
                Sample.event(.keyDefault, first, version: 9, detail: "from_default"),
            ]
            let seen = Mutex<[KeyPair]>([])
            let written = try await store.rewrite(first, second, events: events) { old, other in
                seen.withLock { $0.append(KeyPair(old, other)) }
                return KeyPair(other.map { Self.renamed($0, first) }, old.map { Self.renamed($0, second) })
            }
            try requireEqual(seen.withLock { $0 }, [KeyPair(one, two)], "what make was given")
            try requireEqual(
                written, KeyPair(Self.renamed(two, first), Self.renamed(one, second)), "what came out of it")
            try await requireRow(store, first, Self.renamed(two, first), "the first row")
            try await requireRow(store, second, Self.renamed(one, second), "the second row")
            try await requireRow(store, try Sample.reference(owner, "gemini", "work"), bystander, "the bystander")
            try requireEqual(
                try await store.keys(in: owner.table, afterRow: 0, limit: 10).map(\.id), ids, "the rows' ids")
            try requireEqual(try await store.events(limit: 2), events.reversed(), "the newest events")
        }
    }

    package func rewriteMakesAndRemovesRows() async throws {
        let store = try await newStore()
        let owner = try Sample.user("alice")
        let (first, second) = (try Sample.reference(owner), try Sample.reference(owner, "openai", "work"))
        let key = try await store.write(Sample.key(second))
        let event = Sample.event(.keyDefault, second)
        _ = try await store.rewrite(first, second, events: [event]) { _, old in
            KeyPair(old.map { Self.renamed($0, first) }, nil)
        }
        try requireEqual(try await store.keys(of: owner), [Self.renamed(key, first)], "the rows")
        let nothing = try await store.rewrite(second, try Sample.reference(owner, "x", "y"), events: [event]) {
            KeyPair($0, $1)
        }
        try requireEqual(nothing, KeyPair(nil, nil), "two rows that are not there")
        try requireEqual(try await store.events(limit: 10).count, 3, "events")
    }

    package func rewriteIsUndoneByErrors() async throws {
        let store = try await newStore()
        let owner = try Sample.user("alice")
        let (first, second) = (try Sample.reference(owner), try Sample.reference(owner, "openai", "work"))
        try await store.write(Sample.key(second))
        let (rows, events) = (try await store.keys(of: owner), try await store.events(limit: 10))
        do {
            _ = try await store.rewrite(first, second, events: [Sample.event(.keyDefault, second)]) { _, _ in
                throw ContractViolation("made to fail")
            }
            throw ContractViolation("rewrite returned although make threw")
        } catch let error as ContractViolation {
            try requireEqual(error.description, "made to fail", "the error")
        }
        try requireEqual(try await store.keys(of: owner), rows, "the rows after a rewrite that failed")
        try requireEqual(try await store.events(limit: 10), events, "events after a rewrite that failed")
    }

    /// Half of them name the rows the other way round, and one row is written alone meanwhile.
    package func parallelRewritesTakeTurns() async throws {
        let store = try await newStore()
        let owner = try Sample.user("alice")
        let (first, second) = (try Sample.reference(owner), try Sample.reference(owner, "openai", "work"))
        for reference in [first, second] { try await store.write(Sample.key(reference)) }
        try await inParallel(60) { index in
            if index % 3 == 0 {
                try await store.write(Sample.key(second))
                return
            }
            let (one, other) = index % 2 == 0 ? (first, second) : (second, first)
            _ = try await store.rewrite(one, other, events: [Sample.event(.keyDefault, one)]) { old, beside in
                let version = max(old?.sealed.rowVersion ?? 0, beside?.sealed.rowVersion ?? 0) + 1
                return KeyPair(
                    beside.map { Self.renamed($0, one, version: version) },
                    old.map { Self.renamed($0, other, version: version) })
            }
        }
        // Each that wrote the second row made its version one higher at least, and none was lost.
        let versions = try await store.keys(of: owner).map(\.sealed.rowVersion)
        try requireEqual(versions.count, 2, "rows")
        try require((versions.max() ?? 0) >= 41, "the highest version is \(versions)")
        try requireEqual(try await store.events(limit: 100).count, 62, "events")
    }

    private static func renamed(_ key: UserAPIKey, _ reference: KeyReference, version: UInt64 = 9) -> UserAPIKey {
        var key = key
        key.name = reference.name
        key.sealed.rowVersion = version
        return key
    }
}
