/// What an administrator is told of all keys: counts, and which of them fail. Never a key, and nothing is opened.
package protocol AdminStore: Sendable {
    /// Every key counted by provider and verdict; a key past its expiry counts as expired.
    func keyCounts(at now: Timestamp) async throws -> KeyCounts

    /// Checks by provider and how they went, of the newest `limit`.
    func checkCounts(since: Timestamp, limit: Int) async throws -> CheckCounts

    /// Users' keys whose verdict now is a failing one, by user, provider and name.
    ///
    /// - Parameter after: only what comes after this key.
    func failingKeys(at now: Timestamp, after: KeyReference?, limit: Int) async throws -> [UserAPIKey]

    /// Users who have keys, in the order of their ids' bytes.
    func keyHolders(_ query: KeyHolderQuery) async throws -> [KeyHolder]
}

extension Verdict {
    /// Known not to work from here.
    package static let failing: Set<Verdict> = [.blocked, .expired, .invalid]

    package var isFailing: Bool { Self.failing.contains(self) }
}

package struct KeyCounts: Sendable, Equatable {
    package struct Count: Sendable, Equatable {
        package var provider: ProviderID
        package var verdict: Verdict
        package var keys: Int64

        package init(provider: ProviderID, verdict: Verdict, keys: Int64) {
            self.provider = provider
            self.verdict = verdict
            self.keys = keys
        }
    }

    /// One for each provider and verdict that there is, in that order.
    package var users: [Count]
    package var global: [Count]
    /// How many users have a key.
    package var holders: Int64

    package init(users: [Count] = [], global: [Count] = [], holders: Int64 = 0) {
        self.users = users
        self.global = global
        self.holders = holders
    }
}

package struct CheckCounts: Sendable, Equatable {
    package struct Count: Sendable, Equatable {
        package var provider: ProviderID
        package var succeeded: Int64
        package var failed: Int64
        /// The provider could not be asked.
        package var postponed: Int64

        package init(provider: ProviderID, succeeded: Int64 = 0, failed: Int64 = 0, postponed: Int64 = 0) {
            self.provider = provider
            self.succeeded = succeeded
            self.failed = failed
            self.postponed = postponed
        }
    }

    /// From when on they were counted: later than what was asked for where there were more than the limit.
    package var since: Timestamp
    package var providers: [Count]

    package init(since: Timestamp, providers: [Count] = []) {
        self.since = since
        self.providers = providers
    }
}

package struct KeyHolderQuery: Sendable, Equatable {
    package var now: Timestamp
    /// Only ids that begin with this.
    package var prefix: String?
    /// Only ids after this one.
    package var after: UserID?
    package var limit: Int

    package init(now: Timestamp, prefix: String? = nil, after: UserID? = nil, limit: Int = 50) {
        self.now = now
        self.prefix = prefix
        self.after = after
        self.limit = limit
    }
}

package struct KeyHolder: Sendable, Equatable {
    package var user: UserID
    package var keys: Int64
    package var failing: Int64
    package var lastUsedAt: Timestamp?

    package init(user: UserID, keys: Int64, failing: Int64, lastUsedAt: Timestamp?) {
        self.user = user
        self.keys = keys
        self.failing = failing
        self.lastUsedAt = lastUsedAt
    }
}
