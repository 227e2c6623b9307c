import LatchkeyCore
import LatchkeyCrypto

/// Access tokens as the API shows them. There is no secret in a row, so none can come out but the one handed in.
enum AccessTokenJSON {
    static func write(_ listed: AccessTokens.Listed, token: SharedSecret? = nil, to writer: inout JSONWriter) {
        let (row, grant) = (listed.row, listed.grant)
        writer.object { writer in
            if let token {
                writer.name("token")
                token.secret.withUnsafeBytes { writer.value(utf8: $0) }
            }
            writer.member("id", row.id)
            writer.member("state", listed.state.rawValue)
            // Of a row that somebody else wrote nothing is told but that it is there.
            writer.member("label", grant == nil ? nil : row.label)
            writer.member("scopes", (grant?.scopes ?? []).map(\.rawValue).sorted())
            writer.member("providers", (grant?.providers ?? []).map(\.text))
            writer.member("models", grant?.models ?? [])
            writer.member("networks", (grant?.networks ?? []).map(\.text))
            writer.name("limits")
            writer.array(grant?.limits ?? []) { writer, limit in
                writer.object { writer in
                    writer.member("metric", limit.metric.rawValue)
                    writer.member("per", limit.period.rawValue)
                    writer.member("amount", limit.amount)
                }
            }
            writer.member("created_at", grant == nil ? nil : row.createdAt)
            writer.member("expires_at", grant == nil ? nil : row.expiresAt)
            writer.member("revoked_at", grant == nil ? nil : row.revokedAt)
            writer.member("replaced_by", grant == nil ? nil : row.replacedBy)
            writer.member("last_used_at", grant == nil ? nil : row.lastUsedAt)
        }
    }
}

extension AccessTokenRequest {
    /// The members of a request for a new token.
    init(reading members: inout MemberReader) throws {
        self.init(
            label: try members.string("label") ?? "",
            scopes: Set(
                try members.required("scopes", try members.words("scopes")).map { name in
                    guard let scope = AccessGrant.Scope(rawValue: name) else {
                        throw LatchkeyError(
                            .invalidToken, "a scope is not known", hint: "there are \(Self.scopeNames)")
                    }
                    return scope
                }),
            providers: try members.words("providers")?.map { name in
                guard let provider = ProviderID(name) else {
                    throw LatchkeyError(.unknownProvider, "a provider is not in the catalogue")
                }
                return provider
            } ?? [],
            models: try members.words("models") ?? [],
            networks: try members.words("networks")?.map { text in
                guard let network = Network(parsing: text.utf8) else {
                    throw LatchkeyError(
                        .invalidToken, "a network is not of the form 10.0.0.0/8 or 2001:db8::/32",
                        hint: "no bit may be set behind the prefix")
                }
                return network
            } ?? [],
            limits: try members.limits("limits") ?? [], expiresAt: try members.time("expires_at"))
    }
}

extension MemberReader {
    /// A list of texts, none of them twice.
    mutating func words(_ name: String) throws(LatchkeyError) -> [String]? {
        guard let values = try list(name) else { return nil }
        var words: [String] = []
        for value in values {
            guard case .string(let text) = value else {
                throw LatchkeyError(.wrongType, "the member \(name) is not a list of texts")
            }
            guard !words.contains(where: { $0.utf8.elementsEqual(text.bytes) }) else {
                throw LatchkeyError(.invalidToken, "the member \(name) holds something twice")
            }
            guard words.count < 1000 else { throw LatchkeyError(.invalidToken, "the member \(name) is too long") }
            words.append(text.string)
        }
        return words
    }

    /// `[{"metric": "money", "per": "day", "amount": 5000000}]`; money in micro-dollars, or `"amount_usd": "5"`.
    ///
    /// - Throws: `invalid_limit`.
    mutating func limits(_ name: String) throws(LatchkeyError) -> [UsageLimit]? {
        guard let values = try list(name) else { return nil }
        var limits: [UsageLimit] = []
        for value in values {
            guard case .object = value else {
                throw LatchkeyError(.wrongType, "the member \(name) is not a list of objects")
            }
            var members = try MemberReader(value)
            limits.append(try UsageLimit(reading: &members))
            try members.finish()
        }
        return limits
    }
}

extension UsageLimit {
    /// - Throws: `invalid_limit` for a metric or a period that is not known, or an amount below zero.
    init(reading members: inout MemberReader) throws(LatchkeyError) {
        guard let metric = Metric(rawValue: try members.required("metric", try members.string("metric"))) else {
            throw LatchkeyError(.invalidLimit, "a metric is not money, tokens or requests")
        }
        guard let period = Period(rawValue: try members.required("per", try members.string("per"))) else {
            throw LatchkeyError(.invalidLimit, "a limit's per is not minute, day or month")
        }
        let amount = try Self.amount(of: metric, reading: &members)
        guard amount >= 0 else { throw LatchkeyError(.invalidLimit, "a limit's amount is below zero") }
        self.init(metric, per: period, amount: amount)
    }

    /// `amount`, for money in micro-dollars; or for money `amount_usd`, dollars as decimal text.
    private static func amount(of metric: Metric, reading members: inout MemberReader) throws(LatchkeyError) -> Int64 {
        guard metric == .money, let dollars = try members.string("amount_usd") else {
            return try members.required("amount", try members.integer("amount"))
        }
        guard let micros = DollarText.micros(dollars), try members.integer("amount") == nil else {
            throw LatchkeyError(
                .invalidLimit, "amount_usd is not dollars with up to six decimals, or stands beside amount",
                hint: "write \"amount_usd\": \"12.50\", or \"amount\": 12500000, which is in micro-dollars")
        }
        return micros
    }
}
