package import LatchkeyCore

/// What any `Store` has to pass: one property per method, each on a new, empty store.
///
/// What it cannot show is durability: that a commit outlives the process is for each driver's own tests.
package struct StoreContract: Sendable {
    private let makeStore: @Sendable () async throws -> any Store

    /// - Parameter makeStore: a store that is migrated and empty.
    package init(makeStore: @escaping @Sendable () async throws -> any Store) { self.makeStore = makeStore }

    func newStore() async throws -> any Store { try await makeStore() }

    package static let properties: [ContractProperty<Self>] =
        rows + owners + writes + pairs + checks + deletions + nodes + rest

    private static let rows: [ContractProperty<Self>] = [
        .init("a row comes back as it was written, column by column") { try await $0.rowsRoundTrip() },
        .init("a row replaced comes back as the new one, with nothing of the old") { try await $0.replacesWholeRows() },
        .init("an absent row is nil") { try await $0.absentRowsAreNil() },
        .init("a list is by provider and name, byte by byte") { try await $0.listsInByteOrder() },
        .init("a row of every provider and name is found by that name alone") { try await $0.findsByExactName() },
        .init("times keep their microseconds, from the year 1 to 9999") { try await $0.keepsMicroseconds() },
    ]

    private static let owners: [ContractProperty<Self>] = [
        .init("owners whose ids differ in any byte have rows of their own") { try await $0.separatesOwners() },
        .init("global rows and users' rows are apart") { try await $0.separatesGlobalRows() },
        .init("text in every column is data, never SQL") { try await $0.takesTextAsData() },
    ]

    private static let writes: [ContractProperty<Self>] = [
        .init("put hands over the row that it replaces") { try await $0.putHandsOverTheOldRow() },
        .init("put writes the row and an event with its version") { try await $0.putWritesItsEvent() },
        .init("put whose make throws changes nothing, and its error comes out") { try await $0.putIsUndoneByErrors() },
        .init("parallel puts of one key take turns") { try await $0.parallelPutsTakeTurns() },
        .init("parallel puts of many keys all stay") { try await $0.parallelPutsOfManyKeys() },
    ]

    private static let pairs: [ContractProperty<Self>] = [
        .init("two rows are rewritten together, with their events") { try await $0.rewritesTwoRows() },
        .init("of two rows one can come and one can go") { try await $0.rewriteMakesAndRemovesRows() },
        .init("a rewrite whose make throws changes nothing, and its error comes out") {
            try await $0.rewriteIsUndoneByErrors()
        },
        .init("parallel rewrites of two rows take turns, whichever is named first") {
            try await $0.parallelRewritesTakeTurns()
        },
    ]

    private static let checks: [ContractProperty<Self>] = [
        .init("a check changes the verdict, its evidence and the next time, nothing else") {
            try await $0.recordsChecks()
        },
        .init("only a decisive check moves last_validated") { try await $0.movesLastValidatedOnDecisionsOnly() },
        .init("a check of a row that was replaced meanwhile is dropped, its event is kept") {
            try await $0.dropsStaleChecks()
        },
        .init("keys are due from their time on, oldest first, up to the limit") { try await $0.listsDueKeys() },
        .init("a use changes last_used_at and nothing else") { try await $0.recordsUses() },
    ]

    private static let deletions: [ContractProperty<Self>] = [
        .init("delete takes one row and says which version") { try await $0.deletesOneRow() },
        .init("deleting what is not there is nil and writes no event") { try await $0.deletesNothing() },
        .init("delete all takes the owner's rows and counts them, even none") { try await $0.deletesAllOfOneOwner() },
        .init("a deleted key starts again at no row") { try await $0.startsAgainAfterDeletion() },
        .init("a walk meets every row once, in the order of the ids") { try await $0.walksThroughAllRows() },
    ]

    private static let nodes: [ContractProperty<Self>] = [
        .init("a hand-out of a row that is there is on record") { try await $0.usesWhatIsThere() },
        .init("a hand-out of a row that was changed since is refused") { try await $0.refusesUsesOfWhatIsGone() },
        .init("a lease is one holder's until it runs out, and what is done under a lost one is refused") {
            try await $0.leasesChangeHands()
        },
        .init("of many who ask for a lease at once one gets it") { try await $0.oneOfManyGetsALease() },
    ]

    private static let rest: [ContractProperty<Self>] = [
        .init("events come back newest first, field by field") { try await $0.eventsRoundTrip() },
        .init("parallel appends are all there") { try await $0.parallelAppends() },
        .init("settings are nil, then what was set, per user in bytes") { try await $0.keepsSettings() },
        .init("facts are nil, then what was set") { try await $0.keepsFacts() },
        .init("the first keyset entry wins, also in parallel") { try await $0.initializesTheKeysetOnce() },
        .init("a ping answers") { try await $0.newStore().ping() },
    ]
}

extension StoreContract {
    /// Ids of which no two may be taken for one: canonical equivalence, case, blanks, prefixes, wild cards, quotes.
    package static let distinctUserIDs = [
        "cafe\u{301}", "caf\u{e9}", "CAFE\u{301}", "Caf\u{e9}", "a", "A", "a ", " a", "a\u{a0}", "aa", "%", "_", "a%",
        "*",
        "'", "\"", "a'--", "\\", "global", "default", "null", "NULL", "0", "00", "1", "01", "1.0", "1e0", "-1", "true",
        "ﬁ", "fi", "\u{212b}", "\u{c5}", "A\u{30a}", "🔑", "İ", "i", "ı", "I", "ß", "ss", "$1", "?1", ":a",
        String(repeating: "x", count: 64), String(repeating: "x", count: 63), String(repeating: "🔑", count: 64),
    ]

    func requireRow(
        _ store: any Store, _ reference: KeyReference, _ expected: UserAPIKey?, _ what: String
    ) async throws {
        try requireEqual(try await store.key(reference), expected, what)
    }
}

/// Runs `body` for each index at once.
func inParallel(_ count: Int, _ body: @escaping @Sendable (Int) async throws -> Void) async throws {
    try await withThrowingTaskGroup(of: Void.self) { group in
        for index in 0..<count { group.addTask { try await body(index) } }
        try await group.waitForAll()
    }
}
