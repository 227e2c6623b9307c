/// The configured roots, the first one primary, and the owner keys derived from them lately.
///
/// An owner key is kept at most `cacheLifetime` seconds and at most `cacheCapacity` are kept. Deriving one again costs
/// microseconds in memory and one round trip with an HSM.
public final class RootKeyring: Sendable {
    private let roots: [any RootKey]
    private let cache: OwnerKeyCache

    /// - Parameters:
    ///   - roots: one or more, the first is the primary.
    ///   - cacheCapacity: how many owner keys are kept at most; fewer than 2 are read as 2.
    ///   - cacheLifetime: for how many seconds an owner key is used at most.
    ///   - now: monotonic seconds.
    /// - Throws: ``CryptoError`` with code `root_malformed` if there is no root, `root_duplicate` if two have one kid.
    public init(
        roots: [any RootKey], cacheCapacity: Int = 10_000, cacheLifetime: UInt64 = 60,
        now: @escaping @Sendable () -> UInt64
    ) throws(CryptoError) {
        guard !roots.isEmpty else {
            throw CryptoError(.rootMalformed, "no root is configured, one or more are expected")
        }
        var seen: Set<UInt32> = []
        for root in roots where !seen.insert(root.kid).inserted {
            throw CryptoError(.rootDuplicate, "root \(root.kid) is given twice, each kid is expected once")
        }
        self.roots = roots
        cache = OwnerKeyCache(capacity: cacheCapacity, lifetime: cacheLifetime, now: now)
    }

    /// The kid that new records are sealed under.
    public var primary: UInt32 { roots[0].kid }

    /// All kids, in the configured order.
    public var kids: [UInt32] { roots.map(\.kid) }

    /// The root with that kid, if it is configured.
    public func root(_ kid: UInt32) -> (any RootKey)? {
        // A handful at most: a loop is as fast as a dictionary.
        for root in roots where root.kid == kid { return root }
        return nil
    }

    /// The key of an owner under a root, from the cache or derived now.
    ///
    /// Runs where its caller runs: a hit costs a fraction of a microsecond, a change of executor would cost ten.
    ///
    /// - Throws: ``CryptoError`` with code `root_unknown` if no configured root has that kid; what the root throws.
    public nonisolated(nonsending) func ownerKey(_ owner: RecordOwner, kid: UInt32) async throws -> OwnerKey {
        if let cached = cache.key(for: owner, kid: kid) { return cached }
        guard let root = root(kid) else {
            let known = kids.map { "\($0)" }.joined(separator: ", ")
            throw CryptoError(.rootUnknown, "root \(kid) is not configured, the configured roots are: \(known)")
        }
        // No lock is held across the wait. Two callers may derive the same key; both results are equal.
        let derived = try await OwnerKey(root: root, owner: owner)
        cache.insert(derived)
        return derived
    }

    /// Drops every owner key kept. Keys still in use are wiped when their last user lets go.
    public func forget() {
        cache.removeAll()
    }
}
