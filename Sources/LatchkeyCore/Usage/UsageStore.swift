/// Where usage events are kept. As with `Store`, what a call acknowledges is durable, and any failure of the database is
/// `store_unavailable`.
package protocol UsageStore: Sendable {
    /// Writes what happened, all of it or nothing: events that are not there yet (by user and event id), the end of
    /// reservations, and with both the counters of every budget they touch. What was written before changes nothing.
    ///
    /// - Parameter now: no budget's window begins later than this one's, whatever time an event claims.
    /// - Throws: `invalid_usage` for an event id that is not of the form.
    @discardableResult
    func writeUsage(_ entries: [UsageEntry], at now: Timestamp) async throws -> UsageWritten

    /// Sums over events, in the order of what they are grouped by.
    func usage(_ query: UsageQuery) async throws -> [UsageSum]

    /// Single events, newest first.
    func usageEvents(_ query: UsageEventQuery) async throws -> UsageEventPage

    /// Models that were used and have no price, the most used first.
    func unpricedModels(of user: UserID?, in range: UsageRange, limit: Int) async throws -> [UsageSum]
}

/// One thing to write.
package enum UsageEntry: Sendable, Equatable {
    /// A call is over, and what was set aside for it is settled.
    case event(UsageEvent, settling: UsageReservation?)
    /// What was set aside for a call is given back.
    case release(UsageReservation)
    /// Nobody settled it in time: it counts as used.
    case expire(UsageReservation)

    package var user: UserID {
        switch self {
        case .event(let event, _): event.user
        case .release(let reservation), .expire(let reservation): reservation.user
        }
    }

    package var reservation: UsageReservation? {
        switch self {
        case .event(_, let reservation): reservation
        case .release(let reservation), .expire(let reservation): reservation
        }
    }
}

package struct UsageWritten: Sendable, Equatable {
    /// How many of the events given were not there before.
    package var new: Int
    package var warnings: [BudgetWarning]

    package init(new: Int = 0, warnings: [BudgetWarning] = []) {
        self.new = new
        self.warnings = warnings
    }
}

extension UsageReservation {
    /// The id of the event that takes the place of a reservation nobody settled.
    package var expiredEventID: String { "expired.\(id)" }
}
