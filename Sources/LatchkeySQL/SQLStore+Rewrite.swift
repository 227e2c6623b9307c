package import LatchkeyCore
import LatchkeyCrypto

// Two rows at once
extension SQLStore {
    package func rewrite(
        _ first: KeyReference, _ second: KeyReference, events: [AuditEvent],
        make: @escaping @Sendable (UserAPIKey?, UserAPIKey?) throws -> KeyPair
    ) async throws -> KeyPair {
        let evidence = events.first.map { AuditStatements.evidence($0) }
        let written = try await driver.transaction(evidence: evidence) { transaction in
            // In one order, whoever asks: two that wait for each other's rows would have to be undone.
            var rows: [KeyReference: UserAPIKey] = [:]
            for reference in Self.ordered([first, second]) {
                rows[reference] = try Self.lockedRow(reference, in: transaction)
            }
            let pair = try make(rows[first], rows[second])
            try Self.replace(rows[first], with: pair.first, as: first, in: transaction)
            try Self.replace(rows[second], with: pair.second, as: second, in: transaction)
            for event in events { try transaction.send(AuditStatements.insert, AuditStatements.values(event)) }
            return pair
        }
        changed(first)
        changed(second)
        return written
    }

    private static func lockedRow(
        _ reference: KeyReference, in transaction: any SQLTransaction
    ) throws -> UserAPIKey? {
        let table = reference.owner.table
        var found: UserAPIKey?
        try transaction.query(KeyStatements.for(table).selectForUpdate, name(reference)) { row in
            found = KeyRow.decode(row, of: reference.owner, table: table, as: reference)
        }
        return found
    }

    /// - Throws: `StaleKey` when somebody else made the row that was not there.
    private static func replace(
        _ old: UserAPIKey?, with new: UserAPIKey?, as reference: KeyReference, in transaction: any SQLTransaction
    ) throws {
        let statements = KeyStatements.for(reference.owner.table)
        switch (old, new) {
        case (nil, nil): return
        case (.some, nil): try transaction.query(statements.delete, name(reference)) { _ in }
        case (nil, let new?):
            guard try transaction.execute(statements.insert, KeyRow.values(new)) == 1 else { throw StaleKey() }
        case (let old?, let new?):
            let version = SQLValue.integer(Int64(clamping: old.sealed.rowVersion))
            guard try transaction.execute(statements.update, KeyRow.values(new) + [version]) == 1 else {
                throw StaleKey()
            }
        }
    }
}
