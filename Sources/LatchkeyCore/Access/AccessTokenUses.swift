import Logging
import ServiceLifecycle
import Synchronization

/// Remembers when tokens were last used and writes it from time to time: a courtesy to their owners, so no call waits
/// for it.
package final class AccessTokenUses: Service {
    private struct Token: Hashable {
        let holder: AccessGrant.Holder
        let id: String
    }

    private let store: any AccessTokenStore
    private let interval: Duration
    private let logger: Logger
    private let uses = Mutex<[Token: Timestamp]>([:])

    /// More tokens than this in one interval and the surplus is not noted.
    private static let capacity = 20_000

    init(store: any AccessTokenStore, interval: Duration = .seconds(30), logger: Logger) {
        self.store = store
        self.interval = interval
        self.logger = logger
    }

    func note(_ grant: AccessGrant, at time: Timestamp) {
        let token = Token(holder: grant.holder, id: grant.id)
        uses.withLock { uses in
            if uses.count < Self.capacity || uses[token] != nil { uses[token] = time }
        }
    }

    package func run() async throws {
        await cancelWhenGracefulShutdown {
            while !Task.isCancelled {
                try? await Task.sleep(for: self.interval)
                await self.flush()
            }
        }
    }

    package func flush() async {
        let batch = uses.withLock { uses in
            defer { uses = [:] }
            return uses
        }
        guard !batch.isEmpty else { return }
        let noted = batch.map { AccessTokenUse(owner: Self.owner($0.key.holder), id: $0.key.id, at: $0.value) }
        do { try await store.recordAccessTokenUse(noted) } catch {
            logger.warning("last-used times were not written", metadata: ["access_tokens": "\(noted.count)"])
        }
    }

    private static func owner(_ holder: AccessGrant.Holder) -> KeyOwner {
        switch holder {
        case .user(let id): .user(id)
        case .service: .global
        }
    }
}
