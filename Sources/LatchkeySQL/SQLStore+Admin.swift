package import LatchkeyCore

extension SQLStore: AdminStore {
    package func keyCounts(at now: Timestamp) async throws -> KeyCounts {
        try await readAside { transaction in
            var counts = KeyCounts()
            try transaction.query(AdminStatements.userCounts, [.text(now.sql)]) { Self.add($0, to: &counts.users) }
            try transaction.query(AdminStatements.globalCounts, [.text(now.sql)]) { Self.add($0, to: &counts.global) }
            try transaction.query(AdminStatements.holderCount, []) { counts.holders = $0.integer(0) ?? 0 }
            return counts
        }
    }

    /// A row whose provider or verdict was spoilt counts under what can be read of it.
    private static func add(_ row: any SQLRow, to counts: inout [KeyCounts.Count]) {
        guard let provider = row.text(0).flatMap({ ProviderID($0) }) else { return }
        let verdict = row.text(1).flatMap { Verdict(rawValue: $0) } ?? .unknown
        let (all, expired) = (row.integer(2) ?? 0, row.integer(3) ?? 0)
        for (verdict, keys) in [(verdict, all - expired), (.expired, expired)] where keys > 0 {
            if let index = counts.firstIndex(where: { $0.provider == provider && $0.verdict == verdict }) {
                counts[index].keys += keys
            } else {
                counts.append(KeyCounts.Count(provider: provider, verdict: verdict, keys: keys))
            }
        }
    }

    package func checkCounts(since: Timestamp, limit: Int) async throws -> CheckCounts {
        try await readAside { transaction in
            var counts = CheckCounts(since: since)
            var all: Int64 = 0
            var oldest: Timestamp?
            let values: [SQLValue] = [.text(since.sql), .integer(Int64(max(1, limit)))]
            try transaction.query(ActivityStatements.checks, values) { row in
                let number = row.integer(3) ?? 0
                all += number
                if let at = row.timestamp(4) { oldest = min(at, oldest ?? at) }
                guard let provider = row.text(0).flatMap({ ProviderID($0) }) else { return }
                if counts.providers.last?.provider != provider {
                    counts.providers.append(CheckCounts.Count(provider: provider))
                }
                let last = counts.providers.count - 1
                switch (row.text(1), row.text(2).flatMap { Verdict(rawValue: $0) }?.isValid) {
                case ("postponed", _): counts.providers[last].postponed += number
                case ("ok", true): counts.providers[last].succeeded += number
                default: counts.providers[last].failed += number
                }
            }
            if all >= Int64(limit), let oldest { counts.since = oldest }
            return counts
        }
    }

    package func failingKeys(at now: Timestamp, after: KeyReference?, limit: Int) async throws -> [UserAPIKey] {
        let start: [SQLValue] = after.map { Self.name($0) } ?? [.text(""), .text(""), .text("")]
        return try await readAside { transaction in
            var keys: [UserAPIKey] = []
            let values = [.text(now.sql)] + start + [.integer(Int64(max(1, limit)))]
            try transaction.query(AdminStatements.failing, values) { row in
                if let key = KeyRow.decode(row, of: nil, table: .user) { keys.append(key) }
            }
            return keys
        }
    }

    package func keyHolders(_ query: KeyHolderQuery) async throws -> [KeyHolder] {
        let (statement, range) = Self.range(ofPrefix: query.prefix)
        return try await readAside { transaction in
            let after = query.after.map { SQLValue.utf8($0.bytes) } ?? .text("")
            let values = [.text(query.now.sql), after] + range + [.integer(Int64(max(1, query.limit)))]
            var holders: [KeyHolder] = []
            try transaction.query(statement, values) { row in
                guard let user = row.bytes(0).flatMap({ try? UserID($0) }) else { return }
                holders.append(
                    KeyHolder(
                        user: user, keys: row.integer(1) ?? 0, failing: row.integer(2) ?? 0,
                        lastUsedAt: row.timestamp(3)))
            }
            return holders
        }
    }

    /// Ids are compared by their bytes, whose order is that of the scalars: what begins with a prefix lies between it
    /// and the same with its last scalar one higher.
    private static func range(ofPrefix prefix: String?) -> (SQLStatement, [SQLValue]) {
        guard let prefix, !prefix.isEmpty else { return (AdminStatements.holders, []) }
        var scalars = Array(prefix.unicodeScalars)
        while let last = scalars.popLast() {
            // Over the surrogates, which are no scalars.
            guard let next = Unicode.Scalar(last.value == 0xD7FF ? 0xE000 : last.value + 1) else { continue }
            scalars.append(next)
            var end = String.UnicodeScalarView()
            end.append(contentsOf: scalars)
            return (AdminStatements.holdersInRange, [.text(prefix), .text(String(end))])
        }
        return (AdminStatements.holdersFrom, [.text(prefix)])
    }
}
