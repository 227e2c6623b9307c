import LatchkeyCore
import LatchkeyCrypto

/// Budgets as the API shows them.
enum BudgetJSON {
    static func write(_ state: BudgetState, to writer: inout JSONWriter) {
        let (budget, limit) = (state.budget, state.budget.limit)
        writer.object { writer in
            if let user = budget.user { writer.member("user_id", user.text) }
            switch budget.subject {
            case .user: writer.member("subject", "user")
            case .key(let provider, let name):
                writer.member("subject", "key")
                writer.member("provider", provider.text)
                writer.member("key", name.text)
            case .token(let id):
                writer.member("subject", "token")
                writer.member("token_id", id)
            }
            writer.member("metric", limit.metric.rawValue)
            writer.member("per", limit.period.rawValue)
            writer.member("amount", limit.amount)
            if limit.metric == .money { writer.member("amount_usd", DollarText.text(micros: limit.amount)) }
            writer.member("set_by", budget.setBy.rawValue)
            writer.member("used", state.used)
            writer.member("reserved", state.reserved)
            if limit.metric == .money { writer.member("used_usd", DollarText.text(micros: state.used)) }
            writer.member("resets_at", state.resetsAt)
            writer.name("warnings")
            writer.array(budget.warnings) { $0.value(Int64($1)) }
            writer.name("warned")
            writer.array(state.warned) { $0.value(Int64($1)) }
        }
    }
}

/// Which budget a request is about: all of it but whose, and who sets it.
struct BudgetName {
    var subject: BudgetSubject
    var metric: UsageLimit.Metric
    var period: UsageLimit.Period

    /// - Throws: `invalid_request`, `invalid_name`.
    init(_ query: inout QueryReader) throws(LatchkeyError) {
        guard let metric = query.text("metric").flatMap({ UsageLimit.Metric(rawValue: $0) }),
            let period = query.text("per").flatMap({ UsageLimit.Period(rawValue: $0) })
        else {
            throw LatchkeyError(
                .invalidRequest, "metric is not money, tokens or requests, or per is not minute, day or month",
                hint: "the query says which budget: metric=requests&per=day")
        }
        self.metric = metric
        self.period = period
        subject = try BudgetSubject(provider: query.text("provider"), key: query.text("key"))
    }
}

extension BudgetSubject {
    /// One of the user's keys where a provider is named, else all that is done for the user.
    init(provider: String?, key: String?) throws(LatchkeyError) {
        guard let provider else {
            guard key == nil else {
                throw LatchkeyError(.missingMember, "provider is missing: a key's name says nothing without it")
            }
            self = .user
            return
        }
        guard let provider = ProviderID(provider) else {
            throw LatchkeyError(.unknownProvider, "no such provider in the catalogue")
        }
        self = .key(provider, try key.map { name throws(LatchkeyError) in try KeyName(name) } ?? .default)
    }
}

extension Budget {
    /// The members of a request that sets a budget.
    init(
        reading members: inout MemberReader, user: UserID, setBy: Setter, catalogue: ProviderCatalogue
    ) throws(LatchkeyError) {
        let subject = try BudgetSubject(
            provider: try members.string("provider"), key: try members.string("key"))
        if case .key(let provider, _) = subject { _ = try catalogue.provider(named: provider.text) }
        let limit = try UsageLimit(reading: &members)
        let warnings = try members.percents("warnings") ?? Self.usualWarnings
        self.init(user: user, subject: subject, limit: limit, setBy: setBy, warnings: warnings)
        try BudgetBounds.check(self)
    }
}

extension MemberReader {
    fileprivate mutating func percents(_ name: String) throws(LatchkeyError) -> [Int]? {
        guard let values = try list(name) else { return nil }
        var percents: [Int] = []
        for value in values {
            guard case .number(let number) = value, let percent = number.int64.flatMap({ Int(exactly: $0) }),
                percents.count <= BudgetBounds.mostWarnings
            else { throw LatchkeyError(.invalidLimit, "\(name) is not a list of a few whole percents") }
            percents.append(percent)
        }
        return percents
    }
}
