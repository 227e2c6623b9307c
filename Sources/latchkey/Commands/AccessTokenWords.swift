import LatchkeyCore

/// What is typed for an access token, and how one is shown.
enum AccessTokenWords {
    /// - Throws: `invalid_token`.
    static func scopes(_ names: [String]) throws(LatchkeyError) -> Set<AccessGrant.Scope> {
        var scopes: Set<AccessGrant.Scope> = []
        for name in names {
            guard let scope = AccessGrant.Scope(rawValue: name) else {
                throw LatchkeyError(
                    .invalidToken, "\(name) is no scope", hint: "there are \(AccessTokenRequest.scopeNames)")
            }
            scopes.insert(scope)
        }
        return scopes
    }

    /// - Throws: `unknown_provider`.
    static func providers(_ names: [String], _ catalogue: ProviderCatalogue) throws(LatchkeyError) -> [ProviderID] {
        var providers: [ProviderID] = []
        for name in names { providers.append(try catalogue.provider(named: name).id) }
        return providers
    }

    /// - Throws: `invalid_token`.
    static func networks(_ texts: [String]) throws(LatchkeyError) -> [Network] {
        var networks: [Network] = []
        for text in texts {
            guard let network = Network(parsing: text.utf8) else {
                throw LatchkeyError(
                    .invalidToken, "\(text) is no network",
                    hint: "write 10.0.0.0/8 or 2001:db8::/32, no bit set behind the prefix")
            }
            networks.append(network)
        }
        return networks
    }

    /// `money/day=5.00` in dollars, `tokens/month=1000000`, `requests/minute=60`.
    ///
    /// - Throws: `invalid_limit`.
    static func limit(_ text: String) throws(LatchkeyError) -> UsageLimit {
        let halves = text.split(separator: "=", omittingEmptySubsequences: false)
        let names = halves[0].split(separator: "/", omittingEmptySubsequences: false)
        guard halves.count == 2, names.count == 2, let metric = UsageLimit.Metric(rawValue: String(names[0])),
            let period = UsageLimit.Period(rawValue: String(names[1])),
            let amount = metric == .money ? microDollars(halves[1]) : number(halves[1])
        else {
            throw LatchkeyError(
                .invalidLimit, "\(text) is no limit",
                hint: "write money/day=5.00, tokens/month=1000000 or requests/minute=60")
        }
        return UsageLimit(metric, per: period, amount: amount)
    }

    /// Dollars with at most six decimals.
    private static func microDollars(_ text: Substring) -> Int64? {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count <= 2, let dollars = number(parts[0]) else { return nil }
        var micros: Int64 = 0
        if parts.count == 2 {
            guard (1...6).contains(parts[1].utf8.count), let fraction = number(parts[1]) else { return nil }
            micros = (parts[1].utf8.count..<6).reduce(fraction) { value, _ in value * 10 }
        }
        let (product, overflow) = dollars.multipliedReportingOverflow(by: 1_000_000)
        let (sum, overflow2) = product.addingReportingOverflow(micros)
        return overflow || overflow2 ? nil : sum
    }

    private static func number(_ digits: Substring) -> Int64? {
        guard !digits.isEmpty, digits.utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }) else {
            return nil
        }
        return Int64(digits)
    }

    /// `30d`, `12h`, `45m`, `90s`, at most ten years.
    ///
    /// - Throws: `invalid_expiry`.
    static func seconds(_ text: String) throws(LatchkeyError) -> Int64 {
        let units: [Character: Int64] = ["s": 1, "m": 60, "h": 3600, "d": 86_400]
        guard let unit = text.last.flatMap({ units[$0] }), let count = number(text.dropLast()),
            count <= 3650 * 86_400 / unit
        else {
            throw LatchkeyError(.invalidExpiry, "\(text) is no length of time", hint: "write 30d, 12h, 45m or 90s")
        }
        return count * unit
    }

    /// One token as a line. Nothing is told of a row that somebody else wrote but that it is there.
    static func line(_ listed: AccessTokens.Listed) -> String {
        var parts = [listed.row.id, listed.state.rawValue]
        if let grant = listed.grant {
            parts.append(grant.scopes.map(\.rawValue).sorted().joined(separator: ","))
            parts += described("providers", grant.providers.map(\.text)) + described("models", grant.models)
            parts += described("networks", grant.networks.map(\.text))
            parts += described("limits", grant.limits.map(described))
            if let time = listed.row.expiresAt { parts.append("expires \(time.rfc3339)") }
            if let next = listed.row.replacedBy { parts.append("replaced by \(next)") }
            if let time = listed.row.lastUsedAt { parts.append("last used \(time.rfc3339)") }
            if !listed.row.label.isEmpty { parts.append("\"\(listed.row.label)\"") }
        }
        return parts.joined(separator: "  ")
    }

    private static func described(_ name: String, _ words: [String]) -> [String] {
        words.isEmpty ? [] : ["\(name) \(words.joined(separator: ","))"]
    }

    private static func described(_ limit: UsageLimit) -> String {
        guard limit.metric == .money else { return "\(limit.metric.rawValue)/\(limit.period.rawValue)=\(limit.amount)" }
        let (dollars, micros) = limit.amount.quotientAndRemainder(dividingBy: 1_000_000)
        let digits = "\(micros)"
        let padded = String(repeating: "0", count: max(0, 6 - digits.count)) + digits
        return "money/\(limit.period.rawValue)=\(dollars).\(padded)"
    }
}
