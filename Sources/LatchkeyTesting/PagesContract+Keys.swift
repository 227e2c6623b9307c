import LatchkeyCore
import LatchkeyCrypto

// Everybody's keys
extension PagesContract {
    /// Rows of all verdicts, some past their expiry, of users whose ids are near one another.
    private func filled(_ store: any Stores, seed: UInt64) async throws -> [UserAPIKey] {
        var random = SeededRandom(seed: seed)
        var keys: [UserAPIKey] = []
        for id in Self.ids {
            for _ in 0..<random.number(in: 0...5) {
                let reference = try Sample.reference(
                    try Sample.user(id), random.pick(["openai", "gemini", "acme"]),
                    random.pick(["default", "work", "Z"]))
                guard !keys.contains(where: { KeyReference($0.owner, $0.provider, $0.name) == reference }) else {
                    continue
                }
                var key = Sample.key(reference)
                key.verdict = random.pick(Verdict.allCases)
                let expiry: [Int64?] = [nil, nil, -1, 0, 1, 1000]
                key.expiresAt = random.pick(expiry).map { Sample.time.advanced(bySeconds: $0) }
                key.lastUsedAt = random.chance(0.5) ? nil : Sample.time.advanced(bySeconds: random.number(in: -99...0))
                keys.append(try await store.write(key))
            }
        }
        return keys
    }

    private static let ids = [
        "a", "a ", "a%", "a_b", "aa", "ab", "alice", "Alice", "al", "b", "caf\u{e9}", "cafe\u{301}", "\u{d7ff}x",
        "\u{e000}y", "🔑", "🔑🔑", "\u{10ffff}", "\u{10ffff}z", "'; DROP TABLE user_api_keys; --",
    ]

    private static func precedes(_ lhs: UserAPIKey, _ rhs: UserAPIKey) -> Bool {
        func bytes(_ key: UserAPIKey) -> [[UInt8]] {
            [Array(key.owner.column.utf8), Array(key.provider.text.utf8), Array(key.name.text.utf8)]
        }
        for (one, other) in zip(bytes(lhs), bytes(rhs)) where one != other {
            return one.lexicographicallyPrecedes(other)
        }
        return false
    }

    package func countsKeys() async throws {
        let store = try await newStore()
        try requireEqual(try await store.keyCounts(at: Sample.time), KeyCounts(), "counts of no rows")
        let keys = try await filled(store, seed: 31)
        var global = Sample.key(try Sample.reference(.global))
        global.expiresAt = Sample.time
        try await store.write(global)
        let counts = try await store.keyCounts(at: Sample.time)
        for provider in ["openai", "gemini", "acme"].compactMap({ ProviderID($0) }) {
            for verdict in Verdict.allCases {
                let expected = keys.count { $0.provider == provider && $0.verdict(at: Sample.time) == verdict }
                let seen = counts.users.filter { $0.provider == provider && $0.verdict == verdict }.map(\.keys)
                try requireEqual(seen, expected == 0 ? [] : [Int64(expected)], "\(provider.text) \(verdict)")
            }
        }
        let providers = counts.users.map(\.provider.text)
        try requireEqual(providers, providers.sorted(), "the order of providers")
        try requireEqual(counts.holders, Int64(Set(keys.map(\.owner)).count), "users")
        try requireEqual(counts.global.map(\.verdict), [.expired], "global keys")
    }

    package func pagesThroughFailingKeys() async throws {
        let store = try await newStore()
        let keys = try await filled(store, seed: 32)
        try await store.write(Sample.key(try Sample.reference(.global)))
        let expected = keys.filter { $0.verdict(at: Sample.time).isFailing }.sorted(by: Self.precedes)
        try require(expected.count > 8 && expected.count < keys.count, "\(expected.count) of \(keys.count) rows fail")
        for limit in [1, 3, 1000] {
            var seen: [UserAPIKey] = []
            for _ in 0...expected.count {
                let after = seen.last.map { KeyReference($0.owner, $0.provider, $0.name) }
                let page = try await store.failingKeys(at: Sample.time, after: after, limit: limit)
                try require(page.count <= limit, "a page of \(page.count)")
                if page.isEmpty { break }
                seen += page
            }
            try requireEqual(seen, expected, "the failing rows in pages of \(limit)")
        }
    }

    package func pagesThroughHolders() async throws {
        let store = try await newStore()
        let keys = try await filled(store, seed: 33)
        let users = Dictionary(grouping: keys) { Array($0.owner.column.utf8) }.map { id, keys in
            (id: id, keys: keys)
        }.sorted { $0.id.lexicographicallyPrecedes($1.id) }
        for prefix in [
            nil, "a", "al", "alice", "alicex", "A", "%", "_", "caf", "caf\u{e9}", "\u{d7ff}", "🔑", "\u{10ffff}",
        ] {
            let wanted = try users.filter { $0.id.starts(with: Array((prefix ?? "").utf8)) }.map { user in
                KeyHolder(
                    user: try UserID(user.id), keys: Int64(user.keys.count),
                    failing: Int64(user.keys.count { $0.verdict(at: Sample.time).isFailing }),
                    lastUsedAt: user.keys.compactMap(\.lastUsedAt).max())
            }
            for limit in [1, 2, 100] {
                var seen: [KeyHolder] = []
                for _ in 0...wanted.count {
                    let page = try await store.keyHolders(
                        KeyHolderQuery(now: Sample.time, prefix: prefix, after: seen.last?.user, limit: limit))
                    if page.isEmpty { break }
                    seen += page
                }
                try requireEqual(seen, wanted, "users whose id begins with \(prefix ?? "anything")")
            }
        }
    }

    package func countsChecks() async throws {
        let store = try await newStore()
        var minute: Int64 = 0
        func check(_ provider: String, _ outcome: String, _ detail: String?) async throws {
            minute += 1
            var event = Sample.event(
                .keyCheck, try Sample.reference(try Sample.user("u\(minute)"), provider), detail: detail,
                at: Sample.time.advanced(bySeconds: minute * 60))
            event.outcome = outcome
            try await store.append(event)
        }
        try await check("acme", "ok", "valid")
        for _ in 0..<3 { try await check("openai", "ok", "valid") }
        try await check("openai", "ok", "no_credit")
        for verdict in ["invalid", "expired", "blocked"] { try await check("openai", "ok", verdict) }
        for verdict in ["valid", "invalid"] { try await check("gemini", "postponed", verdict) }
        try await check("gemini", "integrity", nil)
        try await store.append(Sample.event(.keySet, try Sample.reference(.global), detail: "valid"))

        let since = Sample.time.advanced(bySeconds: 61)
        let all = try await store.checkCounts(since: since, limit: 1000)
        func count(_ provider: String, _ succeeded: Int64, _ failed: Int64, _ postponed: Int64) -> [CheckCounts.Count] {
            ProviderID(provider).map {
                [CheckCounts.Count(provider: $0, succeeded: succeeded, failed: failed, postponed: postponed)]
            } ?? []
        }
        // The first is older than what was asked for.
        let expected = count("gemini", 0, 1, 2) + count("openai", 4, 3, 0)
        try requireEqual(all, CheckCounts(since: since, providers: expected), "the counts")
        let few = try await store.checkCounts(since: since, limit: 3)
        try requireEqual(few.providers, count("gemini", 0, 1, 2), "the newest three")
        try requireEqual(few.since, Sample.time.advanced(bySeconds: (minute - 2) * 60), "from when they were counted")
    }
}
