package import LatchkeyCore

/// What the list of what happened and the routes for administrators work with.
package struct AdminParts: Sendable {
    package var store: any ActivityStore & AdminStore
    /// This program's.
    package var version: String
    package var startedAt: Timestamp
    /// `sqlite` or `postgresql`.
    package var database: String
    /// How many nodes share the database; nil where that is not known.
    package var nodes: Int?

    package init(
        store: any ActivityStore & AdminStore, version: String, startedAt: Timestamp, database: String, nodes: Int?
    ) {
        self.store = store
        self.version = version
        self.startedAt = startedAt
        self.database = database
        self.nodes = nodes
    }

    func addRoutes(to table: inout RouteTable, vault: KeyVault, gate: SetupGate, authentication: Authentication) {
        ActivityRoutes(store: store, authentication: authentication).add(to: &table)
        AdminOverviewRoutes(parts: self, vault: vault, gate: gate, authentication: authentication).add(to: &table)
        AdminKeyRoutes(store: store, vault: vault, authentication: authentication).add(to: &table)
    }
}
