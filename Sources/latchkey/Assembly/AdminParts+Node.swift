import LatchkeyCore
import LatchkeySQL
import LatchkeyServer

extension AdminParts {
    /// What administrators are told of this node.
    init(_ node: Node, startedAt: Timestamp) {
        let isSQLite = node.driver.dialect == .sqlite
        // SQLite is for one node; of a server's other clients nobody here knows which are nodes.
        self.init(
            store: node.store, version: Latchkey.version, startedAt: startedAt,
            database: isSQLite ? "sqlite" : "postgresql", nodes: isSQLite ? 1 : nil)
    }
}
