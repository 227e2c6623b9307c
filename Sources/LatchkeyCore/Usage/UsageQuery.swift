/// From a moment up to, not including, another.
package struct UsageRange: Sendable, Equatable {
    package var from: Timestamp
    package var to: Timestamp

    package init(from: Timestamp, to: Timestamp) {
        self.from = from
        self.to = to
    }
}

/// By what usage is summed.
package enum UsageDimension: String, Sendable, CaseIterable, Hashable {
    /// UTC's.
    case day
    case user, provider, model
    /// The key's name; of several providers unless it is asked for by provider too.
    case key
}

package struct UsageQuery: Sendable, Equatable {
    /// nil: everyone's.
    package var user: UserID?
    package var range: UsageRange
    /// Empty: one sum of all.
    package var dimensions: Set<UsageDimension>
    package var limit: Int
    /// How many sums to pass over.
    package var offset: Int

    package init(
        user: UserID?, range: UsageRange, dimensions: Set<UsageDimension>, limit: Int = 1000, offset: Int = 0
    ) {
        self.user = user
        self.range = range
        self.dimensions = dimensions
        self.limit = limit
        self.offset = offset
    }
}

/// The sum of some events; what they were not grouped by is nil.
package struct UsageSum: Sendable, Equatable {
    /// The first moment of the day.
    package var day: Timestamp?
    package var user: UserID?
    package var provider: ProviderID?
    /// nil also for events whose model is not known.
    package var model: String?
    package var keyName: KeyName?
    package var requests: Int64 = 0
    package var input: Int64 = 0
    package var output: Int64 = 0
    package var cachedInput: Int64 = 0
    /// Micro-dollars, of the events whose price is known.
    package var cost: Int64 = 0
    /// How many events used tokens and have no price.
    package var unpriced: Int64 = 0

    package init() {}
}

package struct UsageEventQuery: Sendable, Equatable {
    /// nil: everyone's.
    package var user: UserID?
    package var range: UsageRange
    /// Only events older than this one: `UsageEventPage.next` of the page before.
    package var before: UsageCursor?
    package var limit: Int

    package init(user: UserID?, range: UsageRange, before: UsageCursor? = nil, limit: Int = 100) {
        self.user = user
        self.range = range
        self.before = before
        self.limit = limit
    }
}

/// A place in the list of events.
package struct UsageCursor: Sendable, Equatable {
    package var at: Timestamp
    package var row: Int64

    package init(at: Timestamp, row: Int64) {
        self.at = at
        self.row = row
    }
}

package struct UsageEventPage: Sendable, Equatable {
    package var events: [UsageEvent]
    /// Where the next page begins; nil after the last.
    package var next: UsageCursor?

    package init(events: [UsageEvent], next: UsageCursor? = nil) {
        self.events = events
        self.next = next
    }
}
