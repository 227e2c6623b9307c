package import LatchkeyCore

extension SQLStore: RetentionStore {
    package func deleteUsage(before time: Timestamp, limit: Int, lease: JobLease) async throws -> Int {
        try await delete(Self.deleteOldUsage, before: time, limit, lease)
    }

    package func deleteAccessTokens(endedBefore time: Timestamp, limit: Int, lease: JobLease) async throws -> Int {
        try await delete(Self.deleteEndedTokens, before: time, limit, lease)
    }

    private func delete(
        _ statement: SQLStatement, before time: Timestamp, _ limit: Int, _ lease: JobLease
    ) async throws -> Int {
        try await driver.transaction { transaction in
            try Self.checkHolds(lease, in: transaction)
            return try transaction.execute(statement, [.text(time.sql), .integer(Int64(max(0, limit)))])
        }
    }

    private static let deleteOldUsage = SQLStatement(
        "usage_events.delete_old",
        """
        DELETE FROM usage_events WHERE id IN (SELECT id FROM usage_events WHERE at < $1 ORDER BY at, id LIMIT $2)
        """, scope: .everyone)

    private static let deleteEndedTokens = SQLStatement(
        "access_tokens.delete_ended",
        """
        DELETE FROM access_tokens
        WHERE id IN (SELECT id FROM access_tokens WHERE revoked_at < $1 OR expires_at < $1 LIMIT $2)
        """, scope: .everyone)
}
