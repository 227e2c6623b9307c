import LatchkeyCrypto
package import Logging
import ServiceLifecycle

/// Looks at stored keys again when their check is due, a few at a time.
package struct Revalidation: Service {
    private let vault: KeyVault
    private let holder = Job.newHolder()
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

    /// Every key that is due now, up to one batch, if no other node is at it.
    /// - Returns: how many were looked at.
    @discardableResult
    package func runOnce() async -> Int {
        let due: [UserAPIKey]
        let lease: JobLease
        do {
            let now = vault.clock.now()
            // Three rounds: a node that died is replaced after as long, and one that is slow is not.
            let end = now.advanced(bySeconds: 3 * max(1, interval.components.seconds))
            guard let taken = try await vault.store.lease(.revalidation, for: holder, until: end, now: now) else {
                return 0
            }
            lease = taken
            due = try await vault.store.keysDue(at: vault.clock.now(), limit: batch)
        } catch {
            logger.warning("keys that are due for a check could not be listed", metadata: ["error": "\(error)"])
            return 0
        }
        await withTaskGroup(of: Void.self) { group in
            for (index, row) in due.enumerated() {
                if index >= parallel { await group.next() }
                group.addTask { await check(row, lease) }
            }
        }
        return due.count
    }

    /// One key's trouble never stops the others.
    private func check(_ row: UserAPIKey, _ lease: JobLease) async {
        let reference = KeyReference(row.owner, row.provider, row.name)
        do {
            try await vault.check(row, as: reference, by: Caller(.system), lease: lease)
        } catch let error as LatchkeyError where error == JobLease.lost {
            return
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
