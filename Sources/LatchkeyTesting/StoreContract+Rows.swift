import LatchkeyCore
import LatchkeyCrypto

// Rows and their owners
extension StoreContract {
    package func rowsRoundTrip() async throws {
        let store = try await newStore()
        var random = SeededRandom(seed: 1)
        for index in 0..<50 {
            let owner = index % 3 == 0 ? KeyOwner.global : try Sample.user("user-\(index % 7)")
            let reference = try Sample.reference(owner, "p\(index)")
            let key = Sample.fullKey(reference, random: &random)
            try requireEqual(try await store.write(key), key, "the row that put returns")
            try await requireRow(store, reference, key, "the row read back")
            try require(try await store.keys(of: owner).contains(key), "the list has not the row as written")
        }
    }

    package func replacesWholeRows() async throws {
        let store = try await newStore()
        let reference = try Sample.reference(try Sample.user("alice"))
        var random = SeededRandom(seed: 2)
        for version in 1...UInt64(20) {
            let isPlain = version % 2 == 0
            let key =
                isPlain
                ? Sample.key(reference, version: version) : Sample.fullKey(reference, version: version, random: &random)
            try await store.write(key)
            try await requireRow(store, reference, key, "version \(version)")
        }
        try requireEqual(try await store.keys(of: reference.owner).count, 1, "rows of one key")
    }

    package func absentRowsAreNil() async throws {
        let store = try await newStore()
        for owner in [KeyOwner.global, try Sample.user("alice")] {
            try await requireRow(store, try Sample.reference(owner), nil, "a row of an empty store")
            try requireEqual(try await store.keys(of: owner), [], "the list of an empty store")
        }
        for table in KeyTable.allCases {
            try requireEqual(try await store.keyCount(table), 0, "rows of an empty table")
            let rows = try await store.keys(in: table, afterRow: 0, limit: 10)
            try require(rows.isEmpty, "a walk through an empty table found rows")
        }
    }

    package func listsInByteOrder() async throws {
        let store = try await newStore()
        let owner = try Sample.user("alice")
        let names = ["B", "a", "_", "-", ".", "0", "A", "b", "aa", "Z", "z", "default", "a-", "a.", "a_"]
        let providers = ["b", "a", "a-b", "ab", "0", "-", "openai", "open-ai"]
        for provider in providers {
            for name in names { try await store.write(Sample.key(try Sample.reference(owner, provider, name))) }
        }
        func byBytes(_ lhs: String, _ rhs: String) -> Bool { lhs.utf8.lexicographicallyPrecedes(rhs.utf8) }
        let expected = providers.sorted(by: byBytes).flatMap { provider in
            names.sorted(by: byBytes).map { "\(provider)/\($0)" }
        }
        let listed = try await store.keys(of: owner).map { "\($0.provider.text)/\($0.name.text)" }
        try requireEqual(listed, expected, "the list")
    }

    package func findsByExactName() async throws {
        let store = try await newStore()
        let owner = try Sample.user("alice")
        let written = try Sample.reference(owner, "openai", "work")
        try await store.write(Sample.key(written))
        for (provider, name) in [
            ("openai", "Work"), ("openai", "WORK"), ("openai", "wor"), ("openai", "work."), ("openai", "default"),
            ("openai", "____"), ("open-ai", "work"), ("openai-", "work"), ("opena", "work"),
        ] {
            try await requireRow(store, try Sample.reference(owner, provider, name), nil, "\(provider)/\(name)")
        }
        try require(try await store.key(written) != nil, "the row itself is not found")
    }

    package func keepsMicroseconds() async throws {
        let store = try await newStore()
        let reference = try Sample.reference(try Sample.user("alice"))
        var random = SeededRandom(seed: 3)
        var times: [Int64] = [
            0, 1, -1, 999_999, -999_999, 1_000_000, -1_000_000, -62_135_596_800_000_000, 253_402_300_799_999_999,
            1_709_164_800_000_000, 1_740_700_799_999_999,
        ]
        for _ in 0..<40 { times.append(random.microseconds()) }
        for micros in times {
            var key = Sample.key(reference)
            let time = Timestamp(microseconds: micros)
            key.createdAt = time
            key.updatedAt = time
            key.lastValidated = time
            key.nextCheckAt = time
            key.expiresAt = time
            key.lastUsedAt = time
            key.evidence.checkedAt = time
            key.sealed.rowVersion = try await store.write(key).sealed.rowVersion
            try await requireRow(store, reference, key, "\(micros) microseconds")
            try await store.append(Sample.event(at: time))
            try requireEqual(try await store.events(limit: 1).first?.at, time, "an event's time")
        }
    }

    package func separatesOwners() async throws {
        let store = try await newStore()
        for (index, id) in Self.distinctUserIDs.enumerated() {
            var key = Sample.key(try Sample.reference(try Sample.user(id)))
            key.label = "owner \(index)"
            try await store.write(key)
        }
        for (index, id) in Self.distinctUserIDs.enumerated() {
            let owner = try Sample.user(id)
            let own = try await store.keys(of: owner)
            try requireEqual(own.map(\.label), ["owner \(index)"], "the rows of user number \(index)")
            try requireEqual(own.first?.owner, owner, "the owner of user number \(index)'s row")
        }
        try requireEqual(try await store.keyCount(.user), Self.distinctUserIDs.count, "rows in all")
        let due = try await store.keys(in: .user, afterRow: 0, limit: 1000).compactMap(\.key?.owner)
        try requireEqual(Set(due).count, Self.distinctUserIDs.count, "owners that a walk reads back")
        // One gone, the others stay.
        _ = try await store.deleteAll(of: try Sample.user("caf\u{e9}"), event: Sample.event(.keyDeleteAll))
        let other = try await store.key(try Sample.reference(try Sample.user("cafe\u{301}")))
        try require(other != nil, "deleting one spelling's rows deleted the other's")
        try requireEqual(try await store.keyCount(.user), Self.distinctUserIDs.count - 1, "rows after one is gone")
    }

    package func separatesGlobalRows() async throws {
        let store = try await newStore()
        let global = try Sample.reference(.global)
        let user = try Sample.reference(try Sample.user("global"))
        try await store.write(Sample.key(global))
        try await requireRow(store, user, nil, "a user's row beside a global one")
        try requireEqual(try await store.keys(of: user.owner), [], "a user's list beside a global row")
        try await store.write(Sample.key(user))
        try requireEqual(try await store.keys(of: .global).map(\.owner), [.global], "the global list")
        try requireEqual(try await store.deleteAll(of: user.owner, event: Sample.event(.keyDeleteAll)), 1, "deleted")
        try requireEqual(try await store.keyCount(.global), 1, "global rows after a user's were deleted")
        try requireEqual(try await store.deleteAll(of: .global, event: Sample.event(.keyDeleteAll)), 1, "deleted")
    }

    package func takesTextAsData() async throws {
        let store = try await newStore()
        let bystander = Sample.key(try Sample.reference(try Sample.user("bystander")))
        try await store.write(bystander)
        let hostile = [
            "'", "''", "\"", "x' OR '1'='1", "'; DROP TABLE user_api_keys; --", "$1", "$26", "?", "?1", "%", "\\", "`",
            "\u{feff}", "\u{202e}", "NULL", "🔑\u{301}",
        ]
        for text in hostile {
            let reference = try Sample.reference(try Sample.user(text))
            var key = Sample.key(reference)
            key.label = text
            key.baseURL = text
            key.keyHint = String(text.prefix(16))
            key.keyHash = text
            key.evidence.code = text
            try await store.write(key)
            let back = try await store.key(reference)
            try requireEqual(back, key, "the row with that text in it")
            for (seen, meant) in [(back?.label, text), (back?.baseURL, text), (back?.keyHint, String(text.prefix(16)))]
            {
                try requireEqual(seen.map { Array($0.utf8) }, Array(meant.utf8), "the bytes of a text")
            }
            try requireEqual(try await store.delete(reference, event: Sample.event(.keyDelete)), 1, "its version")
        }
        try requireEqual(try await store.keys(of: bystander.owner), [bystander], "the bystander's rows")
    }
}
