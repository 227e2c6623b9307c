/// At most so much of something in a stretch of time. Days and months are UTC's.
package struct UsageLimit: Sendable, Hashable {
    package enum Metric: String, Sendable, CaseIterable {
        /// In micro-dollars.
        case money
        case tokens
        case requests
    }

    package enum Period: String, Sendable, CaseIterable { case minute, day, month }

    package var metric: Metric
    package var period: Period
    /// Zero lets nothing through.
    package var amount: Int64

    package init(_ metric: Metric, per period: Period, amount: Int64) {
        self.metric = metric
        self.period = period
        self.amount = amount
    }
}
