package import Logging
import ServiceLifecycle
import Synchronization

/// Remembers when keys, or tokens, were last used and writes it from time to time: a courtesy to whoever owns them, not an
/// audit record, so no call waits for it.
package final class UseRecorder<Used: Hashable & Sendable>: Service {
    /// What is recorded, for the log.
    private let name: String
    private let write: @Sendable ([Used: Timestamp]) async throws -> Void
    private let interval: Duration
    private let logger: Logger
    private let uses = Mutex<[Used: Timestamp]>([:])

    /// More than these in one interval and the surplus is not noted.
    private let capacity = 20_000

    package init(
        _ name: String, interval: Duration = .seconds(30), logger: Logger,
        write: @escaping @Sendable ([Used: Timestamp]) async throws -> Void
    ) {
        self.name = name
        self.interval = interval
        self.logger = logger
        self.write = write
    }

    package func note(_ used: Used, at time: Timestamp) {
        uses.withLock { uses in
            if uses.count < capacity || uses[used] != nil { uses[used] = time }
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
        do { try await write(batch) } catch {
            logger.warning("last-used times were not written", metadata: ["\(name)": "\(batch.count)"])
        }
    }
}

extension UseRecorder where Used == KeyReference {
    package convenience init(store: any Store, interval: Duration = .seconds(30), logger: Logger) {
        self.init("keys", interval: interval, logger: logger) { uses in
            try await store.recordUse(uses.map { ($0.key, $0.value) })
        }
    }
}

/// An access token, and whose row it is.
package struct UsedAccessToken: Hashable, Sendable {
    let holder: AccessGrant.Holder
    let id: String

    init(_ grant: AccessGrant) {
        holder = grant.holder
        id = grant.id
    }

    private var owner: KeyOwner {
        switch holder {
        case .user(let id): .user(id)
        case .service: .global
        }
    }

    func use(at time: Timestamp) -> AccessTokenUse { AccessTokenUse(owner: owner, id: id, at: time) }
}

extension UseRecorder where Used == UsedAccessToken {
    convenience init(store: any AccessTokenStore, logger: Logger) {
        self.init("access_tokens", logger: logger) { uses in
            try await store.recordAccessTokenUse(uses.map { $0.key.use(at: $0.value) })
        }
    }
}
