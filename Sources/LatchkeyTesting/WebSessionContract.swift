package import LatchkeyCore
import Synchronization

/// What any `WebSessionStore` has to pass: one property per promise, each on a new, empty store.
package struct WebSessionContract: Sendable {
    package typealias Stores = WebSessionStore & Store
    private let makeStore: @Sendable () async throws -> any Stores

    /// - Parameter makeStore: a store that is migrated and empty.
    package init(makeStore: @escaping @Sendable () async throws -> any Stores) { self.makeStore = makeStore }

    package static let properties: [ContractProperty<Self>] = [
        .init("a row comes back as it was written, column by column, with its event") { try await $0.rowsRoundTrip() },
        .init("a row is removed by its user, as what it is, with its event") { try await $0.removesOwnRows() },
        .init("of many who remove one row at once, one is told that it did") { try await $0.removesOnce() },
        .init("what has expired goes when something is added, and nothing else does") { try await $0.prunes() },
        .init("one more than there is room for, and the user's oldest of that kind goes") {
            try await $0.makesRoom()
        },
        .init("of many that are added at once, as many are left as there is room for") {
            try await $0.keepsTheLimit()
        },
    ]

    private static func users() throws -> [UserID] {
        try ["alice", "Alice", "caf\u{e9}", "cafe\u{301}", "'; --"].map { try UserID($0) }
    }

    private static func event(_ action: AuditEvent.Action, _ row: WebSessionRow) throws -> AuditEvent {
        AuditEvent(
            at: Sample.time, actor: .cli, action: action, owner: .user(try UserID(row.userID)), detail: row.id,
            requestID: "request-1")
    }

    @discardableResult
    private func add(
        _ row: WebSessionRow, to store: any Stores, limit: Int = 100, now: Timestamp = Sample.time
    ) async throws -> [String] {
        try await store.addWebSession(
            row, of: try UserID(row.userID), limit: limit, now: now, event: try Self.event(.signIn, row))
    }

    private func remove(_ row: WebSessionRow, from store: any Stores) async throws -> Bool {
        try await store.removeWebSession(
            row.id, kind: row.kind, of: try UserID(row.userID), event: try Self.event(.signOut, row))
    }

    /// A row that lasts longer than any property takes.
    private func lasting(_ user: UserID, _ kind: WebSessionRow.Kind, random: inout SeededRandom) -> WebSessionRow {
        var row = Sample.webSession(user, kind, random: &random)
        row.expiresAt = Sample.time.advanced(bySeconds: 100_000)
        return row
    }

    // The properties

    private func rowsRoundTrip() async throws {
        let store = try await makeStore()
        var random = SeededRandom(seed: 21)
        for user in try Self.users() {
            for kind in WebSessionRow.Kind.allCases {
                let row = Sample.webSession(user, kind, random: &random)
                // Before the year 1: nothing has expired yet.
                try await add(row, to: store, now: Timestamp(microseconds: -62_135_596_800_000_000))
                try requireEqual(try await store.webSession(row.id), row, "the row")
                try requireEqual(row.user, user, "whose it is")
                try requireEqual(try await store.events(limit: 1), [Self.event(.signIn, row)], "the newest event")
            }
        }
        try requireEqual(try await store.webSession("aaaaaaaaaaaaaaaa"), nil, "a row that is not there")
    }

    private func removesOwnRows() async throws {
        let store = try await makeStore()
        var random = SeededRandom(seed: 22)
        for user in try Self.users() {
            for kind in WebSessionRow.Kind.allCases {
                let row = lasting(user, kind, random: &random)
                try await add(row, to: store)
                let before = try await store.events(limit: 100)
                for other in try Self.users() where other != user {
                    var others = row
                    others.userID = other.bytes
                    try require(try await !remove(others, from: store), "\(other.text) removed \(user.text)'s")
                }
                var another = row
                another.kind = kind == .code ? .session : .code
                try require(try await !remove(another, from: store), "it was removed as another kind")
                try requireEqual(try await store.webSession(row.id), row, "the row")
                try requireEqual(try await store.events(limit: 100), before, "the events")
                try require(try await remove(row, from: store), "it was not removed")
                try requireEqual(try await store.webSession(row.id), nil, "the row afterwards")
                try requireEqual(try await store.events(limit: 1), [Self.event(.signOut, row)], "the newest event")
            }
        }
    }

    private func removesOnce() async throws {
        let store = try await makeStore()
        var random = SeededRandom(seed: 23)
        for round in 0..<5 {
            let row = lasting(try UserID("alice"), round % 2 == 0 ? .code : .session, random: &random)
            try await add(row, to: store)
            let told = Mutex(0)
            try await inParallel(20) { _ in
                if try await self.remove(row, from: store) { told.withLock { $0 += 1 } }
            }
            try requireEqual(told.withLock { $0 }, 1, "how many were told that they removed it")
            let events = try await store.events(limit: 1000).filter { $0.action == .signOut }
            try requireEqual(events.count, round + 1, "how many events say so")
        }
    }

    private func prunes() async throws {
        let store = try await makeStore()
        var random = SeededRandom(seed: 24)
        var rows: [(row: WebSessionRow, isLeft: Bool)] = []
        for user in try Self.users() {
            for kind in WebSessionRow.Kind.allCases {
                for seconds: Int64 in [-1000, 0, 1, 1000] {
                    var row = Sample.webSession(user, kind, random: &random)
                    row.expiresAt = Sample.time.advanced(bySeconds: seconds)
                    try await add(row, to: store, now: Sample.time.advanced(bySeconds: -2000))
                    rows.append((row, seconds > 0))
                }
            }
        }
        try await add(lasting(try UserID("nobody"), .session, random: &random), to: store)
        for (row, isLeft) in rows {
            try requireEqual(try await store.webSession(row.id), isLeft ? row : nil, "a row until \(row.expiresAt)")
        }
    }

    private func makesRoom() async throws {
        let store = try await makeStore()
        var random = SeededRandom(seed: 25)
        var others: [WebSessionRow] = []
        for kind in WebSessionRow.Kind.allCases {
            var rows: [WebSessionRow] = []
            for number in 0..<6 {
                var row = lasting(try UserID("alice"), kind, random: &random)
                row.createdAt = Sample.time.advanced(bySeconds: Int64(number))
                let removed = try await add(row, to: store, limit: 3)
                rows.append(row)
                let expected = number >= 3 ? [rows[number - 3].id] : []
                try requireEqual(removed, expected, "what made room")
                let other = lasting(try UserID("bob"), kind, random: &random)
                try await add(other, to: store)
                others.append(other)
            }
            for (number, row) in rows.enumerated() {
                try requireEqual(try await store.webSession(row.id), number < 3 ? nil : row, "row \(number)")
            }
            others += rows[3...]
        }
        for row in others { try requireEqual(try await store.webSession(row.id), row, "a row of another") }
    }

    private func keepsTheLimit() async throws {
        let store = try await makeStore()
        var random = SeededRandom(seed: 26)
        let user = try UserID("alice")
        let rows = (0..<12).map { _ in lasting(user, .session, random: &random) }
        try await inParallel(rows.count) { try await self.add(rows[$0], to: store, limit: 5) }
        var left = 0
        for row in rows where try await store.webSession(row.id) != nil { left += 1 }
        try requireEqual(left, 5, "how many are left")
    }
}

extension Sample {
    /// A row with something of its own in every column; its MAC holds under no key.
    package static func webSession(
        _ user: UserID, _ kind: WebSessionRow.Kind, random: inout SeededRandom
    ) -> WebSessionRow {
        let letters = Array("abcdefghijklmnopqrstuvwxyz234567".utf8)
        return WebSessionRow(
            id: String(decoding: (0..<16).map { _ in random.pick(letters) }, as: UTF8.self), kind: kind,
            userID: user.bytes, secretHash: random.bytes(32), isAdmin: random.chance(0.5),
            method: random.pick(["code", "oidc", "caf\u{e9}", "'; --"]),
            createdAt: Timestamp(microseconds: random.microseconds()),
            expiresAt: Timestamp(microseconds: random.microseconds()),
            rootKid: .random(in: 1...UInt32.max, using: &random), mac: random.bytes(32))
    }
}
