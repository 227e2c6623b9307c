package import LatchkeyCrypto

/// The first set-up: global keys may be stored with a one-time token, until somebody says that set-up is finished.
package struct SetupGate: Sendable {
    private let store: any Store
    private let token: SharedSecret?
    private let clock: WallClock

    /// - Parameter token: nil when set-up was finished before this start.
    package init(store: any Store, token: SharedSecret?, clock: WallClock) {
        self.store = store
        self.token = token
        self.clock = clock
    }

    /// 32 random bytes as 43 base64url characters, with a prefix that a person recognises in a terminal.
    package static func isFinished(_ store: any Store) async throws -> Bool {
        try await store.fact(.setupFinished) != nil
    }

    /// Constant time in the token's content.
    package func accepts(_ presented: borrowing Secret) -> Bool {
        guard let token else { return false }
        return token.secret.constantTimeEquals(presented)
    }

    package func isFinished() async throws -> Bool { try await Self.isFinished(store) }

    package func finish(by caller: Caller) async throws {
        let now = clock.now()
        try await store.set(
            .setupFinished, to: now.rfc3339,
            event: AuditEvent(at: now, actor: caller.actor, action: .setupFinish, requestID: caller.requestID))
    }
}
