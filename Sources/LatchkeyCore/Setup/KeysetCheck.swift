package import LatchkeyCrypto

/// Compares the configured roots with the keyset in the database, before anything is written.
package enum KeysetCheck {
    package enum Standing: Sendable, Equatable {
        /// The first configured root is the database's primary.
        case agrees
        /// The database's primary is configured, but not first: this node reads and refuses to write.
        case readOnly(primary: UInt32)
    }

    /// A database that has no keyset yet gets the primary root as its first entry.
    ///
    /// - Throws: `root_mismatch` when the primary is missing, or has another key check value, or an entry was forged.
    package static func run(store: any Store, keyring: RootKeyring, clock: WallClock) async throws -> Standing {
        var entries = try await store.keyset()
        if entries.isEmpty {
            guard let root = keyring.root(keyring.primary) else { throw Self.noRoot(keyring.primary) }
            // Rows without a keyset: somebody emptied it. A new root would make a second set of unreadable rows.
            for table in KeyTable.allCases where try await store.keyCount(table) > 0 {
                throw LatchkeyError(
                    .rootMismatch, "the database holds keys but no keyset",
                    hint: "restore the keyset table from a backup; nothing was written")
            }
            let entry = try await KeysetEntry.make(root: root, state: .primary, createdAt: clock.now().rfc3339)
            entries = try await store.initializeKeyset(entry)
        }
        return try await compare(entries, keyring)
    }

    /// Read-only: how the configured roots stand to a keyset that is there.
    package static func compare(_ entries: [KeysetEntry], _ keyring: RootKeyring) async throws -> Standing {
        try await verify(entries, keyring)
        guard let primary = entries.first(where: { $0.state == .primary }),
            entries.count(where: { $0.state == .primary }) == 1
        else {
            throw LatchkeyError(
                .rootMismatch, "the keyset does not name exactly one primary root",
                hint: "restore the keyset table from a backup; nothing was written")
        }
        guard keyring.root(primary.kid) != nil else { throw Self.noRoot(primary.kid, configured: keyring.kids) }
        return primary.kid == keyring.primary ? .agrees : .readOnly(primary: primary.kid)
    }

    private static func verify(_ entries: [KeysetEntry], _ keyring: RootKeyring) async throws {
        for entry in entries where entry.state != .retired {
            guard let root = keyring.root(entry.kid) else { continue }
            switch try await entry.verify(root: root) {
            case .ok: continue
            case .wrongRoot(let database, let configured):
                throw LatchkeyError(
                    .rootMismatch,
                    "this database was sealed under root \(entry.kid) (check \(database)), the configured root \(entry.kid) has check \(configured)",
                    hint:
                        "configure the root this database was made with in API_KEY_ENCRYPTION_SECRET; nothing was written"
                )
            case .forged:
                throw LatchkeyError(
                    .rootMismatch, "the keyset entry of root \(entry.kid) was changed by somebody without the root",
                    hint: "restore the keyset table from a backup")
            }
        }
    }

    private static func noRoot(_ kid: UInt32, configured: [UInt32] = []) -> LatchkeyError {
        let have = configured.map { "root \($0)" }.joined(separator: ", ")
        return LatchkeyError(
            .rootMismatch,
            "this database was sealed under root \(kid), and only \(have.isEmpty ? "no root" : have) is configured",
            hint: "add root \(kid) to API_KEY_ENCRYPTION_SECRET; nothing was written")
    }
}
