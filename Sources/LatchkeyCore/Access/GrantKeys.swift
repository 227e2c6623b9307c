import LatchkeyCrypto

extension RootKeyring {
    /// The key under which an owner's grants are kept.
    func grantKey(_ owner: KeyOwner, kid: UInt32) async throws -> GrantKey {
        GrantKey(try await ownerKey(owner.recordOwner, kid: kid))
    }

    /// The same under the root that a row names; nil where this node does not have that root.
    func grantKeyIfKnown(_ owner: KeyOwner, kid: UInt32) async throws -> GrantKey? {
        do { return try await grantKey(owner, kid: kid) } catch let error as CryptoError
            where error.code == .rootUnknown
        { return nil }
    }
}

extension GrantCache.Entry {
    /// What no secret fits: so that an unknown id costs the same work as a known one.
    static func decoy(_ keyring: RootKeyring) async throws -> GrantCache.Entry {
        GrantCache.Entry(
            key: try await keyring.grantKey(.global, kid: keyring.primary),
            secretHash: [UInt8](repeating: 0, count: 32), grant: nil, readAt: .now)
    }
}
