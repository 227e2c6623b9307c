import LatchkeyCrypto
package import Logging
import ServiceLifecycle

/// Looks at stored keys again when their check is due, a few at a time.
package struct Revalidation: Service {
    private let vault: KeyVault
    private let interval: Duration
    private let batch: Int
    private let parallel: Int
    private let logger: Logger

    package init(vault: KeyVault, interval: Duration = .seconds(60), batch: Int = 64, parallel: Int = 4, logger: Logger)
    {
        self.vault = vault
        self.interval = interval
        self.batch = batch
        self.parallel = parallel
        self.logger = logger
    }

    package func run() async throws {
        await cancelWhenGracefulShutdown {
            while !Task.isCancelled {
                try? await Task.sleep(for: interval)
                if Task.isCancelled { return }
                await runOnce()
            }
        }
    }

    /// Every key that is due now, up to one batch.
    /// - Returns: how many were looked at.
    @discardableResult
    package func runOnce() async -> Int {
        let due: [UserAPIKey]
        do { due = try await vault.store.keysDue(at: vault.clock.now(), limit: batch) } catch {
            logger.warning("keys that are due for a check could not be listed", metadata: ["error": "\(error)"])
            return 0
        }
        await withTaskGroup(of: Void.self) { group in
            for (index, row) in due.enumerated() {
                if index >= parallel { await group.next() }
                group.addTask { await check(row) }
            }
        }
        return due.count
    }

    /// One key's trouble never stops the others.
    private func check(_ row: UserAPIKey) async {
        let reference = KeyReference(row.owner, row.provider, row.name)
        do {
            try await vault.check(row, as: reference, by: Caller(.system))
        } catch {
            let code = (error as? LatchkeyError)?.code.rawValue ?? "internal"
            logger.warning(
                "a key could not be checked", metadata: ["provider": "\(row.provider.text)", "code": "\(code)"])
            // Put it off, or a row that never opens would be first in line for ever.
            let now = vault.clock.now()
            let event = AuditEvent(
                at: now, actor: .system, action: .keyCheck, owner: row.owner, provider: row.provider, name: row.name,
                rowVersion: row.sealed.rowVersion, outcome: code)
            try? await vault.store.postponeCheck(reference, until: now.advanced(bySeconds: 24 * 3600), event: event)
        }
    }
}
