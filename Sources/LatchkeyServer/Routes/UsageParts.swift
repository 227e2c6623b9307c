package import LatchkeyCore

/// What the routes about usage and budgets work with.
package struct UsageParts: Sendable {
    package var store: any UsageStore & BudgetStore
    /// Writes what is told, and changes budgets: it remembers who has any.
    package var recorder: UsageRecorder

    package init(store: any UsageStore & BudgetStore, recorder: UsageRecorder) {
        self.store = store
        self.recorder = recorder
    }

    func addRoutes(to table: inout RouteTable, vault: KeyVault, authentication: Authentication) {
        UsageRoutes(usage: store, clock: vault.clock, authentication: authentication).add(to: &table)
        UsageReportRoutes(recorder: recorder, vault: vault, authentication: authentication).add(to: &table)
        BudgetRoutes(store: store, recorder: recorder, vault: vault, authentication: authentication).add(to: &table)
    }
}
