/// What is known about a key, from its provider's own answers.
public enum Verdict: String, Sendable, CaseIterable {
    /// The provider accepted it.
    case valid
    /// Accepted, but some scope or model is closed to it.
    case restricted
    /// Accepted, but the account has no credit.
    case noCredit = "no_credit"
    /// Seen only as "too many requests": nothing more is known of a new key.
    case rateLimited = "rate_limited"
    /// A live key that is refused from here: network, region, referrer.
    case blocked
    /// Its own expiry, or the provider's word for it.
    case expired
    /// The provider says that it is no key.
    case invalid
    /// Valid, and about to be replaced.
    case retiring
    /// Not checked yet, or no check was decisive.
    case unknown

    /// The reference system's boolean, derived.
    public var isValid: Bool {
        switch self {
        case .valid, .restricted, .noCredit, .rateLimited, .retiring: true
        case .blocked, .expired, .invalid, .unknown: false
        }
    }

    /// Whether a call may be served with it. A key that the provider refused, or that has run out, is an error that its
    /// owner sees. A key that could not be checked, or that is blocked from *this* network, may work where it is used.
    package var mayServe: Bool { self != .invalid && self != .expired }
}

/// What one check found, and whether it decides.
package struct ProbeOutcome: Sendable, Equatable {
    /// nil: postponed, the check says nothing about the key.
    package var verdict: Verdict?
    package var httpStatus: Int?
    /// The provider's error code, or ours: `timeout`, `network_error`, `provider_error`, `unreadable_answer`, …
    package var code: String?

    package init(verdict: Verdict?, httpStatus: Int? = nil, code: String? = nil) {
        self.verdict = verdict
        self.httpStatus = httpStatus
        self.code = code
    }

    package static func postponed(_ code: String, httpStatus: Int? = nil) -> ProbeOutcome {
        ProbeOutcome(verdict: nil, httpStatus: httpStatus, code: code)
    }

    /// Only a decisive answer changes what is known; "too many requests" is not one.
    package var isDecisive: Bool { verdict != nil && verdict != .rateLimited }

    /// The state after this check: a decision replaces it, "too many requests" shows only on a key of which nothing is known.
    package func applied(to current: Verdict) -> Verdict {
        guard let verdict else { return current }
        if verdict == .rateLimited { return current == .unknown ? .rateLimited : current }
        return verdict
    }
}

/// The last check of a key: evidence beside the verdict.
package struct Evidence: Sendable, Equatable {
    package var httpStatus: Int?
    package var code: String?
    package var checkedAt: Timestamp?
    package var decisive: Bool

    package init(httpStatus: Int? = nil, code: String? = nil, checkedAt: Timestamp? = nil, decisive: Bool = false) {
        self.httpStatus = httpStatus
        self.code = code
        self.checkedAt = checkedAt
        self.decisive = decisive
    }

    package init(_ outcome: ProbeOutcome, at time: Timestamp) {
        self.init(
            httpStatus: outcome.httpStatus, code: outcome.code, checkedAt: time, decisive: outcome.isDecisive)
    }
}
