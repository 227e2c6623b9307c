/// Who did it.
public struct Actor: Sendable, Hashable {
    package enum Kind: String, Sendable { case user, admin, setup, service, system, cli }
    package var kind: Kind
    /// The acting user's id, where there is one.
    package var id: String?

    package init(kind: Kind, id: String? = nil) {
        self.kind = kind
        self.id = id
    }

    package static func user(_ id: UserID) -> Actor { Actor(kind: .user, id: id.text) }
    package static func admin(_ id: UserID) -> Actor { Actor(kind: .admin, id: id.text) }
    package static let setup = Actor(kind: .setup)
    package static let service = Actor(kind: .service)
    package static let system = Actor(kind: .system)
    package static let cli = Actor(kind: .cli)
}

/// One line of the audit log. Allow-listed fields only: there is no place in it for a key, a body or a URL.
package struct AuditEvent: Sendable, Equatable {
    package enum Action: String, Sendable {
        case keySet = "key.set"
        /// A key was opened and handed out, or used for a check.
        case keyUse = "key.use"
        case keyCheck = "key.check"
        case keyDelete = "key.delete"
        case keyDeleteAll = "key.delete_all"
        /// A key and the one named `default` exchanged names; one event for each.
        case keyDefault = "key.default"
        case settingsChange = "settings.change"
        case setupFinish = "setup.finish"
        case tokenCreate = "token.create"
        case tokenRevoke = "token.revoke"
        case tokenRoll = "token.roll"
        /// An access token was shown whose row does not hold: refused.
        case tokenUse = "token.use"
        /// A browser was signed in, or signed itself out.
        case signIn = "sign_in"
        case signOut = "sign_out"
        /// A one-time code was made that signs a browser in.
        case signInCode = "sign_in.code"
        /// A session or a code was shown whose row does not hold: refused.
        case sessionUse = "session.use"
        case budgetSet = "budget.set"
        case budgetDelete = "budget.delete"
        /// A threshold of a budget was crossed.
        case budgetWarning = "budget.warning"
    }

    package var at: Timestamp
    package var actor: Actor
    package var action: Action
    package var owner: KeyOwner?
    package var provider: ProviderID?
    package var name: KeyName?
    package var rowVersion: UInt64?
    /// `ok`, or an error code.
    package var outcome: String
    /// Where a served key came from, a verdict, a count: a word from a fixed set or a number; and the id of an access
    /// token. 64 characters at the most.
    package var detail: String?
    package var requestID: String?

    package init(
        at: Timestamp, actor: Actor, action: Action, owner: KeyOwner? = nil, provider: ProviderID? = nil,
        name: KeyName? = nil, rowVersion: UInt64? = nil, outcome: String = "ok", detail: String? = nil,
        requestID: String? = nil
    ) {
        self.at = at
        self.actor = actor
        self.action = action
        self.owner = owner
        self.provider = provider
        self.name = name
        self.rowVersion = rowVersion
        self.outcome = outcome
        self.detail = detail
        self.requestID = requestID
    }
}

/// Who asks, and under which request: passed along so that every event says both.
public struct Caller: Sendable {
    package var actor: Actor
    package var requestID: String?
    /// The access token that the request was made with.
    package var tokenID: String?

    package init(_ actor: Actor, requestID: String? = nil, tokenID: String? = nil) {
        self.actor = actor
        self.requestID = requestID
        self.tokenID = tokenID
    }
}
