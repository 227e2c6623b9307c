/// What a budget is on. Every one of them is one user's, but for the access tokens of a service.
package enum BudgetSubject: Sendable, Hashable {
    /// All that is done for the user.
    case user
    /// What is done with one of the user's keys, or in its place where the user has none of that name.
    case key(ProviderID, KeyName)
    /// What is done with one access token.
    case token(String)

    /// Whether a call counts for it.
    package func covers(_ provider: ProviderID, _ name: KeyName, token: String?) -> Bool {
        switch self {
        case .user: true
        case .key(let ownProvider, let ownName): ownProvider == provider && ownName == name
        case .token(let id): token.map { $0.utf8.elementsEqual(id.utf8) } ?? false
        }
    }

    /// As it is kept: `user`, `key:openai:default`, `token:ID`. Neither a provider nor a name holds a colon.
    package var text: String {
        switch self {
        case .user: "user"
        case .key(let provider, let name): "key:\(provider.text):\(name.text)"
        case .token(let id): "token:\(id)"
        }
    }

    package init?(text: String) {
        let parts = text.utf8.split(separator: UInt8(ascii: ":"), omittingEmptySubsequences: false)
            .map { String(decoding: $0, as: UTF8.self) }
        switch (parts.first, parts.count) {
        case ("user", 1): self = .user
        case ("token", 2): self = .token(parts[1])
        case ("key", 3):
            guard let provider = ProviderID(parts[1]), let name = try? KeyName(parts[2]) else { return nil }
            self = .key(provider, name)
        default: return nil
        }
    }
}

/// A limit on what a user, a key or an access token may use, and when to warn.
package struct Budget: Sendable, Hashable {
    /// Who has set it. A user and an operator may each limit the same thing, and the smaller amount is what counts.
    package enum Setter: String, Sendable, CaseIterable {
        case user
        case `operator`
        /// It is part of what an access token grants.
        case grant
    }

    /// nil for the access token of a service.
    package var user: UserID?
    package var subject: BudgetSubject
    package var limit: UsageLimit
    package var setBy: Setter
    /// Percents of the amount at which a warning is noted: 1 to 100, in order.
    package var warnings: [Int]

    package static let usualWarnings = [80, 100]

    package init(
        user: UserID?, subject: BudgetSubject, limit: UsageLimit, setBy: Setter, warnings: [Int] = usualWarnings
    ) {
        self.user = user
        self.subject = subject
        self.limit = limit
        self.setBy = setBy
        self.warnings = warnings
    }

    /// What tells it from every other: all but its amount and warnings.
    package var id: BudgetID {
        BudgetID(user: user, subject: subject, metric: limit.metric, period: limit.period, setBy: setBy)
    }

    /// How much has to be used for a warning: the part of the amount, rounded up.
    package func level(of warning: Int) -> Int64 {
        let part = Int64(min(max(warning, 1), 100))
        let (whole, rest) = limit.amount.quotientAndRemainder(dividingBy: 100)
        // Not over the amount, so no overflow. Nothing used is no reason to warn.
        return max(1, whole * part + (rest * part + 99) / 100)
    }
}

package struct BudgetID: Sendable, Hashable {
    package var user: UserID?
    package var subject: BudgetSubject
    package var metric: UsageLimit.Metric
    package var period: UsageLimit.Period
    package var setBy: Budget.Setter

    package init(
        user: UserID?, subject: BudgetSubject, metric: UsageLimit.Metric, period: UsageLimit.Period,
        setBy: Budget.Setter
    ) {
        self.user = user
        self.subject = subject
        self.metric = metric
        self.period = period
        self.setBy = setBy
    }
}

/// A budget and how it stands.
package struct BudgetState: Sendable, Equatable {
    package var budget: Budget
    package var used: Int64
    /// Set aside for calls under way.
    package var reserved: Int64
    package var window: UsageWindow
    /// The thresholds, in percent, that were warned of in this window.
    package var warned: [Int]

    package var resetsAt: Timestamp { window.end }

    package init(budget: Budget, used: Int64, reserved: Int64, window: UsageWindow, warned: [Int] = []) {
        self.budget = budget
        self.used = used
        self.reserved = reserved
        self.window = window
        self.warned = warned
    }
}

/// A threshold that was crossed: told once in each window, by one node.
package struct BudgetWarning: Sendable, Equatable {
    package var state: BudgetState
    /// In percent.
    package var threshold: Int

    package init(state: BudgetState, threshold: Int) {
        self.state = state
        self.threshold = threshold
    }
}
