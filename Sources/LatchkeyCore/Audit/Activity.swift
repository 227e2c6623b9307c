/// What happened with one user's keys, tokens and sessions, for that user to read.
package protocol ActivityStore: Sendable {
    /// The user's own events, newest first: those of the user's rows, and those of no user's rows that the user caused.
    ///
    /// Hand-outs that went well are looked for among the newest audit events of everybody alone, for nothing finds them
    /// faster; `ActivityPage.usesSince` says how far back that reaches. All else is there from the beginning.
    func activity(_ query: ActivityQuery) async throws -> ActivityPage
}

package struct ActivityQuery: Sendable, Equatable {
    package var user: UserID
    /// Only events older than this one: `ActivityPage.next` of the page before.
    package var before: Int64?
    package var limit: Int

    package init(user: UserID, before: Int64? = nil, limit: Int = 50) {
        self.user = user
        self.before = before
        self.limit = limit
    }
}

package struct ActivityPage: Sendable, Equatable {
    package var events: [AuditEvent]
    /// Where the next page begins; nil after the last.
    package var next: Int64?
    /// From when on hand-outs are all there; nil when they are from the beginning.
    package var usesSince: Timestamp?

    package init(events: [AuditEvent], next: Int64? = nil, usesSince: Timestamp? = nil) {
        self.events = events
        self.next = next
        self.usesSince = usesSince
    }
}
