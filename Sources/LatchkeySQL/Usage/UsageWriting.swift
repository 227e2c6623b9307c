import LatchkeyCore

/// One transaction that writes what happened: ends reservations, adds events, and brings the counters up to date.
///
/// Doing it twice does no harm: a reservation is ended once, and only an event that was not there counts.
struct UsageWriting {
    private let counting: BudgetCounting
    private let transaction: any SQLTransaction
    private let dialect: SQLDialect
    private let now: Timestamp
    private var ended: [CountedUsage] = []
    private var undone: [CountedUsage] = []
    private var added: [CountedUsage] = []

    init(_ transaction: any SQLTransaction, _ dialect: SQLDialect, at now: Timestamp) {
        counting = BudgetCounting(transaction: transaction, dialect: dialect)
        self.transaction = transaction
        self.dialect = dialect
        self.now = now
    }

    mutating func write(_ entries: [UsageEntry]) throws -> UsageWritten {
        try counting.begin(adding: false)
        let expired = try endReservations(entries)
        let given = entries.compactMap { entry in
            if case .event(let event, _) = entry { event } else { nil }
        }
        let new = try insert(given + expired)
        let warnings = try count()
        return UsageWritten(new: new - expired.count, warnings: warnings)
    }

    // Reservations

    /// - Returns: the events that stand for those that ran out.
    private mutating func endReservations(_ entries: [UsageEntry]) throws -> [UsageEvent] {
        let reservations = entries.compactMap(\.reservation)
        guard !reservations.isEmpty else { return [] }
        var found: [String: Ended] = [:]
        let ids = Set(reservations.map(\.id)).sorted().map { SQLValue.text($0) }
        try UsageStatements.deleteReservations.forEach(ids) { statement, part in
            try transaction.query(statement, part) { row in
                if let end = Ended(row) { found[end.id] = end }
            }
        }
        ended = found.values.map(\.usage)
        var expiring: Set<String> = []
        var settled: Set<String> = []
        for entry in entries {
            guard let reservation = entry.reservation else { continue }
            if case .expire = entry {
                expiring.insert(reservation.id)
            } else if settled.insert(reservation.id).inserted, found[reservation.id] == nil {
                try takeBack(reservation)
            }
        }
        return expiring.subtracting(settled).compactMap { found[$0]?.event }
    }

    /// The reservation had run out and an event stood for it; or it is settled for the second time, and there is none.
    private mutating func takeBack(_ reservation: UsageReservation) throws {
        var found: CountedUsage?
        try transaction.query(
            UsageStatements.deleteExpired, [.utf8(reservation.user.bytes), .text(reservation.expiredEventID)]
        ) { found = CountedUsage($0) }
        if let found { undone.append(found) }
    }

    // Events

    /// - Returns: how many were not there.
    private mutating func insert(_ events: [UsageEvent]) throws -> Int {
        dialect == .sqlite ? try insertOneByOne(events) : try insertTogether(events)
    }

    /// A statement costs no way here, and its count says whether the event is new.
    private mutating func insertOneByOne(_ events: [UsageEvent]) throws -> Int {
        var count = 0
        for event in events {
            let event = event.bounded
            guard try transaction.execute(UsageStatements.insertOne, UsageEventRow.values(event)) == 1 else { continue }
            count += 1
            added.append(CountedUsage(event))
        }
        return count
    }

    private mutating func insertTogether(_ events: [UsageEvent]) throws -> Int {
        var byID: [EventID: UsageEvent] = [:]
        for event in events {
            let id = EventID(user: event.user.bytes, id: event.id)
            // Of two with one id the first counts, as it would in two batches.
            if byID[id] == nil { byID[id] = event.bounded }
        }
        // In one order everywhere: two nodes that add the same events wait for each other in no circle.
        let sorted = byID.sorted { $0.key < $1.key }.map(\.value)
        var rest = sorted[...]
        var count = 0
        while !rest.isEmpty, let (size, statement) = UsageStatements.inserts.first(where: { $0.rows <= rest.count }) {
            let values = rest.prefix(size).flatMap { UsageEventRow.values($0) }
            rest = rest.dropFirst(size)
            try transaction.query(statement, values) { row in
                guard let user = row.bytes(0), let id = row.text(1), let event = byID[EventID(user: user, id: id)]
                else { return }
                count += 1
                added.append(CountedUsage(event))
            }
        }
        return count
    }

    private struct EventID: Hashable, Comparable {
        let user: [UInt8]
        let id: String

        static func < (lhs: Self, rhs: Self) -> Bool {
            lhs.user == rhs.user ? lhs.id < rhs.id : lhs.user.lexicographicallyPrecedes(rhs.user)
        }
    }

    // Counters

    private func count() throws -> [BudgetWarning] {
        let all = added + ended + undone
        var owners = Set(all.map(\.owner))
        if all.contains(where: { $0.token != nil }) { owners.insert([]) }
        guard !all.isEmpty else { return [] }
        let rows = try counting.rows(of: Array(owners))
        guard !rows.isEmpty else { return [] }
        let changes = Changes(added: added, ended: ended, undone: undone)
        var warnings: [BudgetWarning] = []
        for before in rows {
            var row = before
            try apply(changes, to: &row)
            let crossed = row.cross()
            guard row != before else { continue }
            try counting.update(row, at: now)
            for warning in crossed {
                try transaction.send(AuditStatements.insert, AuditStatements.values(warning.event(at: now)))
            }
            warnings += crossed
        }
        return warnings
    }

    private func apply(_ changes: Changes, to row: inout BudgetRow) throws {
        let mine = changes.of(row)
        let current = UsageWindow(row.budget.limit.period, at: now).start
        let newest = mine.added.map { UsageWindow(row.budget.limit.period, at: $0.at) }
            .filter { $0.start <= current }.max { $0.start < $1.start }
        if let newest, newest.start > row.window.start {
            // What was added and ended above is part of the sums already.
            return try counting.move(&row, to: newest)
        }
        for usage in mine.added { row.used = BudgetRow.sum(row.used, usage.amount(in: row)) }
        for usage in mine.undone { row.used = BudgetRow.sum(row.used, -usage.amount(in: row)) }
        for usage in mine.ended { row.reserved = BudgetRow.sum(row.reserved, -usage.amount(in: row)) }
    }
}

/// What a batch changes, found by owner, so that no row is compared with everybody's calls.
private struct Changes {
    struct Part {
        var added: [CountedUsage] = []
        var ended: [CountedUsage] = []
        var undone: [CountedUsage] = []
    }

    private var parts: [[UInt8]: Part] = [:]
    private var tokens: [String: Part] = [:]

    init(added: [CountedUsage], ended: [CountedUsage], undone: [CountedUsage]) {
        add(added, \.added)
        add(ended, \.ended)
        add(undone, \.undone)
    }

    private mutating func add(_ usages: [CountedUsage], _ path: WritableKeyPath<Part, [CountedUsage]>) {
        for usage in usages {
            parts[usage.owner, default: Part()][keyPath: path].append(usage)
            if let token = usage.token { tokens[token, default: Part()][keyPath: path].append(usage) }
        }
    }

    /// What counts in a row, in whatever window.
    func of(_ row: BudgetRow) -> Part {
        let part: Part? =
            if row.owner.isEmpty, case .token(let id) = row.budget.subject { tokens[id] } else { parts[row.owner] }
        guard var part else { return Part() }
        part.added.removeAll { !$0.counts(in: row) }
        part.ended.removeAll { !$0.counts(in: row) }
        part.undone.removeAll { !$0.counts(in: row) }
        return part
    }
}

/// A reservation that was ended: what it set aside, and the event that it becomes where nobody settled it.
private struct Ended {
    let id: String
    let usage: CountedUsage
    private let model: String?
    private let requestID: String?

    init?(_ row: any SQLRow) {
        guard let usage = CountedUsage(row), let id = row.text(8) else { return nil }
        self.id = id
        self.usage = usage
        model = row.text(9)
        requestID = row.text(10)
    }

    var event: UsageEvent? {
        guard let user = try? UserID(usage.owner) else { return nil }
        return UsageEvent(
            id: UsageReservation(id: id, user: user).expiredEventID, at: usage.at, origin: .gateway, user: user,
            provider: usage.provider, keyName: usage.name, tokenID: usage.token, model: model, tokens: usage.tokens,
            cost: usage.cost, isEstimated: true, requestID: requestID)
    }
}

extension BudgetWarning {
    fileprivate func event(at now: Timestamp) -> AuditEvent {
        let budget = state.budget
        var event = AuditEvent(
            at: now, actor: .system, action: .budgetWarning, owner: budget.user.map { .user($0) },
            detail: "\(budget.limit.metric.rawValue) \(budget.limit.period.rawValue) \(threshold)")
        switch budget.subject {
        case .user: break
        case .key(let provider, let name): (event.provider, event.name) = (provider, name)
        case .token(let id): event.detail = "\(event.detail ?? "") token \(id)"
        }
        return event
    }
}
