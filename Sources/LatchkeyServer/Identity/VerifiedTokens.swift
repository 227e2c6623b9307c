import Crypto
import Synchronization

/// Tokens whose signature was found good a short while ago, so that a client's next request costs a digest and not a
/// signature: 2 µs in place of 10 for HS256, of 60 for ES256 and EdDSA.
///
/// Only what was said with a good signature is kept, under the token's SHA-256 and never the token itself; whether it is
/// said in time is asked each time. New keys make everything forgotten.
final class VerifiedTokens: Sendable {
    struct Entry {
        var identity: VerifiedIdentity
        /// Seconds since 1970: from the first to the last, that one excluded.
        var validFrom: Int64
        var validUntil: Int64
        /// Of the keys it was verified with.
        var generation: UInt64
    }

    fileprivate struct Digest: Hashable {
        let words: SIMD4<UInt64>

        init(_ token: [UInt8]) {
            words = SHA256.hash(data: token).withUnsafeBytes { $0.loadUnaligned(as: SIMD4<UInt64>.self) }
        }
    }

    /// Two halves, as in the cache of sealed rows: what is asked for moves to the young one.
    private struct Halves {
        var young: [Digest: Entry] = [:]
        var old: [Digest: Entry] = [:]
    }

    private let halves = Mutex(Halves())
    private static let half = 8192

    struct Place {
        fileprivate let digest: Digest
    }

    static func place(of token: [UInt8]) -> Place { Place(digest: Digest(token)) }

    func identity(at place: Place, generation: UInt64, now: Int64) -> VerifiedIdentity? {
        let found: Entry? = halves.withLock { halves in
            if let entry = halves.young[place.digest] { return entry }
            guard let entry = halves.old.removeValue(forKey: place.digest) else { return nil }
            Self.insert(entry, as: place.digest, into: &halves)
            return entry
        }
        guard let found, found.generation == generation, found.validFrom <= now, now < found.validUntil else {
            return nil
        }
        return found.identity
    }

    func remember(_ entry: Entry, at place: Place) {
        halves.withLock { Self.insert(entry, as: place.digest, into: &$0) }
    }

    private static func insert(_ entry: Entry, as digest: Digest, into halves: inout Halves) {
        if halves.young.count >= half {
            halves.old = halves.young
            halves.young = [:]
        }
        halves.young[digest] = entry
    }
}
