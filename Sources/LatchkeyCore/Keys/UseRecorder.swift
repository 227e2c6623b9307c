package import Logging
import ServiceLifecycle
import Synchronization

/// Remembers when keys were last used and writes it from time to time: a courtesy to the user, not an audit record, so a
/// call does not wait for it.
package final class UseRecorder: Service {
    private let store: any Store
    private let interval: Duration
    private let logger: Logger
    private let uses = Mutex<[KeyReference: Timestamp]>([:])

    /// More keys than this in one interval and the surplus is not noted.
    private static let capacity = 20_000

    package init(store: any Store, interval: Duration = .seconds(30), logger: Logger) {
        self.store = store
        self.interval = interval
        self.logger = logger
    }

    package func note(_ reference: KeyReference, at time: Timestamp) {
        uses.withLock { uses in
            if uses.count < Self.capacity || uses[reference] != nil { uses[reference] = time }
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
        do { try await store.recordUse(batch.map { ($0.key, $0.value) }) } catch {
            logger.warning("last-used times were not written", metadata: ["keys": "\(batch.count)"])
        }
    }
}
