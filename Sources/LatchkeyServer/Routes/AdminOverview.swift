import LatchkeyCore

/// What an overview says, and what of it wants looking at.
struct AdminOverview: Sendable {
    let keys: KeyCounts
    let checks: CheckCounts
    let isSetUp: Bool
    let isWritable: Bool

    struct Alert: Sendable, Equatable {
        enum Severity: String, Sendable { case warning, error }
        let severity: Severity
        /// A stable word: words are added, never renamed.
        let code: String
        let count: Int64
        let provider: ProviderID?
    }

    /// The errors first.
    var alerts: [Alert] {
        var alerts: [Alert] = []
        // What is wrong with this node's roots: it reads and does not write.
        if !isWritable { alerts.append(Alert(severity: .error, code: "read_only", count: 1, provider: nil)) }
        for provider in Self.byProvider(keys.global) where provider.failing > 0 {
            alerts.append(
                Alert(severity: .error, code: "global_key_failing", count: provider.failing, provider: provider.id))
        }
        // Until it is finished the set-up token opens what an administrator may.
        if !isSetUp { alerts.append(Alert(severity: .warning, code: "setup_open", count: 1, provider: nil)) }
        for provider in Self.byProvider(keys.users) where provider.failing > 0 {
            alerts.append(
                Alert(severity: .warning, code: "keys_failing", count: provider.failing, provider: provider.id))
        }
        for count in checks.providers where count.postponed > 0 && count.succeeded == 0 && count.failed == 0 {
            alerts.append(
                Alert(
                    severity: .warning, code: "provider_not_answering", count: count.postponed,
                    provider: count.provider))
        }
        return alerts
    }

    /// In the order of the counts, which is the providers'.
    static func byProvider(_ counts: [KeyCounts.Count]) -> [(id: ProviderID, total: Int64, failing: Int64)] {
        var sums: [(id: ProviderID, total: Int64, failing: Int64)] = []
        for count in counts {
            if sums.last?.id != count.provider { sums.append((count.provider, 0, 0)) }
            sums[sums.count - 1].total += count.keys
            if count.verdict.isFailing { sums[sums.count - 1].failing += count.keys }
        }
        return sums
    }
}
