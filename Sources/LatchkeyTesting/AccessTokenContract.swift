package import LatchkeyCore

/// What any `AccessTokenStore` has to pass: one property per promise, each on a new, empty store.
package struct AccessTokenContract: Sendable {
    package typealias Stores = AccessTokenStore & Store
    private let makeStore: @Sendable () async throws -> any Stores

    /// - Parameter makeStore: a store that is migrated and empty.
    package init(makeStore: @escaping @Sendable () async throws -> any Stores) { self.makeStore = makeStore }

    package static let properties: [ContractProperty<Self>] = [
        .init("a row comes back as it was written, column by column") { try await $0.rowsRoundTrip() },
        .init("a list is one owner's, newest first, as long as was asked") { try await $0.listsOneOwner() },
        .init("a row is changed by its owner alone, and the event is written with it") {
            try await $0.changesOwnRows()
        },
        .init("a change that throws, or finds nothing to do, leaves no event") { try await $0.leavesNoEvent() },
        .init("a roll changes one row and adds another, or neither") { try await $0.rollsTogether() },
        .init("a row that is deleted is gone") { try await $0.deletes() },
        .init("of many who add at once, as many succeed as there is room") { try await $0.keepsTheLimit() },
        .init("a use changes last_used_at and nothing else") { try await $0.recordsUses() },
    ]

    private static func owners() throws -> [KeyOwner] {
        [.global] + (try ["alice", "caf\u{e9}", "cafe\u{301}", "'; --"].map { try Sample.user($0) })
    }

    private static func event(_ action: AuditEvent.Action, _ owner: KeyOwner, _ detail: String) -> AuditEvent {
        AuditEvent(
            at: Sample.time, actor: .cli, action: action, owner: owner, detail: detail, requestID: "request-1")
    }

    private func add(_ row: AccessTokenRow, to store: any Stores, of owner: KeyOwner, limit: Int = 100) async throws {
        try await store.addAccessToken(
            row, of: owner, limit: limit, now: Sample.time, event: Self.event(.tokenCreate, owner, row.id))
    }

    private func change(
        _ id: String, of owner: KeyOwner, in store: any Stores, limit: Int = 100,
        _ change: @escaping @Sendable (AccessTokenRow) throws -> AccessTokenChange
    ) async throws -> AccessTokenChange? {
        try await store.changeAccessToken(
            id, of: owner, limit: limit, now: Sample.time, event: Self.event(.tokenRevoke, owner, id), change: change)
    }

    // The properties

    private func rowsRoundTrip() async throws {
        let store = try await makeStore()
        var random = SeededRandom(seed: 11)
        for owner in try Self.owners() {
            for number in 0..<4 {
                let row = Sample.accessToken(owner, number, random: &random)
                try await add(row, to: store, of: owner)
                try requireEqual(try await store.accessToken(row.id), row, "the row")
                try requireEqual(row.owner, owner, "its owner")
                let event = Self.event(.tokenCreate, owner, row.id)
                try requireEqual(try await store.events(limit: 1), [event], "the newest event")
            }
        }
        try requireEqual(try await store.accessToken("aaaaaaaaaaaaaaaa"), nil, "a row that is not there")
    }

    private func listsOneOwner() async throws {
        let store = try await makeStore()
        var random = SeededRandom(seed: 12)
        for owner in try Self.owners() {
            var rows: [AccessTokenRow] = []
            for number in 0..<5 {
                var row = Sample.accessToken(owner, number, random: &random)
                row.createdAt = Sample.time.advanced(bySeconds: Int64(number))
                row.revokedAt = Sample.time
                try await add(row, to: store, of: owner)
                rows.insert(row, at: 0)
            }
            try requireEqual(try await store.accessTokens(of: owner, limit: 10), rows, "the list of \(owner)")
            try requireEqual(try await store.accessTokens(of: owner, limit: 2), Array(rows[..<2]), "two of it")
        }
        try requireEqual(try await store.accessTokens(of: try Sample.user("nobody"), limit: 10), [], "nobody's list")
    }

    private func changesOwnRows() async throws {
        let store = try await makeStore()
        var random = SeededRandom(seed: 13)
        for owner in try Self.owners() {
            let row = Sample.accessToken(owner, 0, random: &random)
            try await add(row, to: store, of: owner)
            for other in try Self.owners() where other != owner {
                let done = try await change(row.id, of: other, in: store) { .changed($0) }
                try requireEqual(done, nil, "what \(other) changed of \(owner)'s row")
            }
            var changed = Sample.accessToken(owner, 1, random: &random)
            changed.id = row.id
            let expected = changed
            let done = try await change(row.id, of: owner, in: store) { found in
                try requireEqual(found, row, "the row to be changed")
                return .changed(expected)
            }
            try requireEqual(done, .changed(expected), "what was done")
            try requireEqual(try await store.accessToken(row.id), expected, "the row afterwards")
            let event = Self.event(.tokenRevoke, owner, row.id)
            try requireEqual(try await store.events(limit: 1), [event], "the newest event")
        }
    }

    private func leavesNoEvent() async throws {
        let store = try await makeStore()
        var random = SeededRandom(seed: 14)
        let owner = try Sample.user("alice")
        let row = Sample.accessToken(owner, 0, random: &random)
        try await add(row, to: store, of: owner)
        let events = try await store.events(limit: 10)
        let refusal = LatchkeyError(.integrity, "the test refuses")
        do {
            _ = try await change(row.id, of: owner, in: store) { _ in throw refusal }
            throw ContractViolation("a change that throws came back")
        } catch let error as LatchkeyError { try requireEqual(error, refusal, "the error") }
        let done = try await change(row.id, of: owner, in: store) { .unchanged($0) }
        try requireEqual(done, .unchanged(row), "what was done")
        try requireEqual(try await change("aaaaaaaaaaaaaaaa", of: owner, in: store) { .changed($0) }, nil, "no row")
        try requireEqual(try await store.events(limit: 10), events, "the events")
        try requireEqual(try await store.accessToken(row.id), row, "the row")
    }

    private func rollsTogether() async throws {
        let store = try await makeStore()
        var random = SeededRandom(seed: 15)
        for owner in try Self.owners() {
            var row = Sample.accessToken(owner, 0, random: &random)
            (row.revokedAt, row.expiresAt) = (nil, nil)
            let first = row
            try await add(first, to: store, of: owner)
            var changed = first
            changed.replacedBy = "bbbbbbbbbbbbbbbb"
            let successor = Sample.accessToken(owner, 1, random: &random)
            let rolled = AccessTokenChange.rolled(changed, successor: successor)
            do {
                _ = try await change(first.id, of: owner, in: store, limit: 1) { _ in rolled }
                throw ContractViolation("there was no room, and it was rolled")
            } catch let error as LatchkeyError { try requireEqual(error.code, .invalidToken, "the refusal") }
            try requireEqual(try await store.accessToken(first.id), first, "the row after a refused roll")
            try requireEqual(try await store.accessToken(successor.id), nil, "the successor of a refused roll")
            try requireEqual(try await change(first.id, of: owner, in: store) { _ in rolled }, rolled, "the roll")
            try requireEqual(try await store.accessToken(first.id)?.replacedBy, "bbbbbbbbbbbbbbbb", "the old row")
            try requireEqual(try await store.accessToken(successor.id), successor, "the successor")
        }
    }

    private func deletes() async throws {
        let store = try await makeStore()
        var random = SeededRandom(seed: 16)
        for owner in try Self.owners() {
            let row = Sample.accessToken(owner, 0, random: &random)
            try await add(row, to: store, of: owner)
            try requireEqual(try await change(row.id, of: owner, in: store) { _ in .deleted }, .deleted, "the change")
            try requireEqual(try await store.accessToken(row.id), nil, "the row")
        }
    }

    private func keepsTheLimit() async throws {
        let store = try await makeStore()
        var random = SeededRandom(seed: 17)
        for owner in [KeyOwner.global, try Sample.user("alice")] {
            // Neither of these counts.
            for number in 0..<2 {
                var row = Sample.accessToken(owner, number, random: &random)
                (row.revokedAt, row.expiresAt) = number == 0 ? (Sample.time, nil) : (nil, Sample.time)
                try await add(row, to: store, of: owner)
            }
            let rows = (0..<12).map { number in
                var row = Sample.accessToken(owner, number, random: &random)
                (row.revokedAt, row.expiresAt) = (nil, number % 2 == 0 ? nil : Sample.time.advanced(bySeconds: 1))
                return row
            }
            try await inParallel(rows.count) { index in
                do { try await self.add(rows[index], to: store, of: owner, limit: 5) } catch let error as LatchkeyError
                {
                    try requireEqual(error.code, .invalidToken, "a refusal")
                }
            }
            try requireEqual(try await store.accessTokens(of: owner, limit: 100).count, 7, "rows of \(owner)")
        }
    }

    private func recordsUses() async throws {
        let store = try await makeStore()
        var random = SeededRandom(seed: 18)
        for owner in try Self.owners() {
            let row = Sample.accessToken(owner, 0, random: &random)
            try await add(row, to: store, of: owner)
            let time = Timestamp(microseconds: random.microseconds())
            for other in try Self.owners() where other != owner {
                try await store.recordAccessTokenUse([AccessTokenUse(owner: other, id: row.id, at: time)])
            }
            try requireEqual(try await store.accessToken(row.id), row, "the row after others' uses")
            try await store.recordAccessTokenUse([AccessTokenUse(owner: owner, id: row.id, at: time)])
            var expected = row
            expected.lastUsedAt = time
            try requireEqual(try await store.accessToken(row.id), expected, "the row after its use")
        }
    }
}

extension Sample {
    /// A row with something of its own in every column; its MAC holds under no key.
    package static func accessToken(_ owner: KeyOwner, _ number: Int, random: inout SeededRandom) -> AccessTokenRow {
        let letters = Array("abcdefghijklmnopqrstuvwxyz234567".utf8)
        func time() -> Timestamp? { random.chance(0.3) ? nil : Timestamp(microseconds: random.microseconds()) }
        return AccessTokenRow(
            id: String(decoding: (0..<16).map { _ in random.pick(letters) }, as: UTF8.self),
            userID: Array(owner.column.utf8),
            label: random.pick(["", "caf\u{e9} 🔑", "'; DROP TABLE access_tokens; --"]),
            secretHash: random.bytes(32), scopes: random.pick(["gateway", "gateway resolve"]),
            providers: random.pick(["", "openai"]), models: random.pick(["", "gpt-* o1"]),
            networks: random.pick(["", "10.0.0.0/8"]), limits: random.pick(["", "money/day=\(number)"]),
            createdAt: Timestamp(microseconds: random.microseconds()), expiresAt: time(), revokedAt: time(),
            replacedBy: random.pick([nil, "cccccccccccccccc"]), rootKid: .random(in: 1...UInt32.max, using: &random),
            rowVersion: .random(in: 1...1000, using: &random), mac: random.bytes(32), lastUsedAt: time())
    }
}
