/// One row of the old table, as text.
package struct ReferenceRow: Sendable, Equatable {
    package var id: String
    package var userID: String?
    package var provider: String?
    /// The token, which is sealed and no secret.
    package var token: [UInt8]?

    package init(id: String, userID: String?, provider: String?, token: [UInt8]?) {
        self.id = id
        self.userID = userID
        self.provider = provider
        self.token = token
    }
}

/// The old table, for reading.
package protocol ReferenceSource: Sendable {
    /// - Throws: `configuration` when there is no such table, `store_unavailable`.
    func count() async throws -> Int

    /// Rows in the order of their ids, those after `id` or from the first.
    func rows(after id: String?, limit: Int) async throws -> [ReferenceRow]

    /// The row at a place in that order, counted from 0.
    func row(at place: Int) async throws -> ReferenceRow?

    /// The providers named in the table, and how many rows each has.
    func providers(limit: Int) async throws -> [(name: String, rows: Int)]

    func close() async
}
