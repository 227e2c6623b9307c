import LatchkeyCrypto

extension AccessTokens {
    /// A token as it may be shown: never its secret, nor the hash of it.
    package struct Listed: Sendable, Equatable {
        package enum State: String, Sendable {
            case live
            case expired
            case revoked
            /// Its row is not as it was written: it is refused, and what it says of itself is not shown.
            case spoilt
        }

        package let row: AccessTokenRow
        package let state: State
        /// nil for a spoilt row.
        package let grant: AccessGrant?
    }

    /// Every token of a user, or of the service (`global`), newest first.
    package func list(of owner: KeyOwner) async throws -> [Listed] {
        let now = vault.clock.now()
        var keys: [UInt32: GrantKey?] = [:]
        var listed: [Listed] = []
        for row in try await store.accessTokens(of: owner, limit: Self.longestList) {
            if keys[row.rootKid] == nil { keys[row.rootKid] = .some(try await grantKey(of: row, owner)) }
            listed.append(Self.listed(row, under: keys[row.rootKid] ?? nil, at: now))
        }
        return listed
    }

    /// One row, as after a change.
    package func listed(_ row: AccessTokenRow, of owner: KeyOwner) async throws -> Listed {
        Self.listed(row, under: try await grantKey(of: row, owner), at: vault.clock.now())
    }

    private static func listed(_ row: AccessTokenRow, under key: GrantKey?, at now: Timestamp) -> Listed {
        guard let key, let grant = row.grant(under: key) else { return Listed(row: row, state: .spoilt, grant: nil) }
        let state: Listed.State = row.revokedAt != nil ? .revoked : row.isLive(at: now) ? .live : .expired
        return Listed(row: row, state: state, grant: grant)
    }
}
