import LatchkeyCore
package import LatchkeyCrypto

/// Tries derivations on a few rows of the old table. Nothing is written, and no key outlives the trying.
package struct DerivationTrial: Sendable {
    package struct Score: Sendable {
        package let derivation: FernetDerivation
        /// How many of the tried rows opened and held what can be a key.
        package let opened: Int
        package let tried: Int
    }

    /// A slow derivation that has opened none of so many rows opens none.
    private static let patience = 5

    private let rows: [(user: [UInt8], token: FernetToken)]

    /// Takes rows from all over the table: the oldest may have been made another way than the newest.
    package init(source: any ReferenceSource, sample: Int, userIDs: UserIDForm) async throws {
        let count = try await source.count()
        let wanted = min(max(1, sample), count)
        var rows: [(user: [UInt8], token: FernetToken)] = []
        for index in 0..<wanted {
            guard let row = try await source.row(at: index * count / wanted) else { continue }
            guard let user = row.userID, let token = row.token else { continue }
            rows.append((Array(userIDs.apply(user).utf8), FernetToken(token)))
        }
        self.rows = rows
    }

    package var sampled: Int { rows.count }

    /// - Returns: a score for each, the best first; among equals in the order given.
    package func run(
        _ derivations: [FernetDerivation], secret: SharedSecret?, variable: String?
    ) async throws -> [Score] {
        var scores: [(Int, Score)] = []
        try await withThrowingTaskGroup(of: (Int, Score).self) { group in
            for (index, derivation) in derivations.enumerated() {
                group.addTask { (index, try await score(derivation, secret, variable)) }
            }
            for try await score in group { scores.append(score) }
        }
        scores.sort { $0.1.opened == $1.1.opened ? $0.0 < $1.0 : $0.1.opened > $1.1.opened }
        return scores.map(\.1)
    }

    private func score(
        _ derivation: FernetDerivation, _ secret: SharedSecret?, _ variable: String?
    ) async throws -> Score {
        guard let deriver = try deriver(derivation, secret, variable) else {
            // This secret makes no key that way: a result, not a mistake.
            return Score(derivation: derivation, opened: 0, tried: rows.count)
        }
        defer { deriver.close() }
        var opened = 0
        var tried = 0
        for row in rows {
            if derivation.isSlow, opened == 0, tried >= Self.patience { break }
            tried += 1
            let key = try await deriver.key(user: row.user)
            if Self.opens(row.token, with: key) { opened += 1 }
        }
        return Score(derivation: derivation, opened: opened, tried: tried)
    }

    private func deriver(
        _ derivation: FernetDerivation, _ secret: SharedSecret?, _ variable: String?
    ) throws -> KeyDeriver? {
        do { return try KeyDeriver(derivation, secret: secret, variable: variable) } catch {
            guard !derivation.isProgram else { throw error }
            return nil
        }
    }

    private static func opens(_ token: FernetToken, with key: SharedSecret?) -> Bool {
        guard let key, let plain = token.open(with: key.secret) else { return false }
        return (try? plain.checkForm()) != nil
    }
}

extension FernetDerivation {
    var isProgram: Bool {
        if case .program = recipe { return true }
        return false
    }
}
