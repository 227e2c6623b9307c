import LatchkeyCore
import LatchkeyCrypto
import Synchronization

/// Sealed rows that were read a short while ago, so that a hand-out needs one way to the database and not two. Never an
/// opened key.
///
/// A remembered row is a guess: the hand-out's audit event is written only if the row still is the one that was read (on
/// PostgreSQL by its revision, on SQLite by its columns), in one statement. So a row that somebody else has replaced,
/// edited or deleted is never served, even where the change was not heard of; what is heard saves the failed attempt.
/// Between nodes, while nothing is heard, no row is believed for over a second.
final class SealedRowCache: Sendable {
    private struct Entry {
        var use: KeyForUse
        var readAt: ContinuousClock.Instant
    }

    /// Two halves: what is asked for moves to the young one, and when that is full the old one is let go of. As good as
    /// "least recently used" here, without a list to keep in order.
    private struct Shard {
        var young: [KeyReference: Entry] = [:]
        var old: [KeyReference: Entry] = [:]
    }

    // A lock for each; a mutex cannot be moved into an array.
    private final class Slot: Sendable {
        let shard = Mutex(Shard())
    }

    private let slots = (0..<16).map { _ in Slot() }
    private let changes: (any SQLChangeFeed)?

    /// About 1 KB a row, so at most some 50 MB.
    private static let capacity = 50_000
    private static let unheard: Duration = .seconds(1)

    init(changes: (any SQLChangeFeed)?) {
        self.changes = changes
        changes?.observe(
            SQLChangeObserver(
                changed: { [weak self] change in
                    if let reference = KeyReference(change: change) { self?.forget(reference) }
                },
                missed: { [weak self] in self?.forgetAll() }))
    }

    subscript(_ reference: KeyReference) -> KeyForUse? {
        let entry: Entry? = slot(reference).shard.withLock { shard in
            if let entry = shard.young[reference] { return entry }
            guard let entry = shard.old.removeValue(forKey: reference) else { return nil }
            Self.insert(entry, as: reference, into: &shard)
            return entry
        }
        guard let entry else { return nil }
        guard changes?.isLive ?? true || ContinuousClock.now - entry.readAt <= Self.unheard else { return nil }
        return entry.use
    }

    func remember(_ use: KeyForUse, as reference: KeyReference) {
        var use = use
        use.isFresh = false
        let entry = Entry(use: use, readAt: .now)
        slot(reference).shard.withLock { Self.insert(entry, as: reference, into: &$0) }
    }

    func forget(_ reference: KeyReference) {
        slot(reference).shard.withLock { shard in
            shard.young[reference] = nil
            shard.old[reference] = nil
        }
    }

    func forgetAll() {
        for slot in slots { slot.shard.withLock { $0 = Shard() } }
    }

    private static func insert(_ entry: Entry, as reference: KeyReference, into shard: inout Shard) {
        if shard.young.count >= capacity / 32 {
            shard.old = shard.young
            shard.young = [:]
        }
        shard.young[reference] = entry
    }

    private func slot(_ reference: KeyReference) -> Slot {
        slots[Int(UInt(bitPattern: reference.hashValue) % UInt(slots.count))]
    }
}

extension KeyReference {
    /// The reference as nodes tell it to each other: its parts with a character between that none of them can hold.
    var change: String { "\(owner.table.rawValue)\u{1F}\(owner.column)\u{1F}\(provider.text)\u{1F}\(name.text)" }

    init?(change: String) {
        let parts = change.utf8.split(separator: 0x1F, omittingEmptySubsequences: false)
        guard parts.count == 4, let table = KeyTable(rawValue: String(decoding: parts[0], as: UTF8.self)),
            let provider = ProviderID(String(decoding: parts[2], as: UTF8.self)),
            let name = try? KeyName(String(decoding: parts[3], as: UTF8.self))
        else { return nil }
        switch table {
        case .global: self.init(.global, provider, name)
        case .user:
            guard let id = try? UserID(parts[1]) else { return nil }
            self.init(.user(id), provider, name)
        }
    }
}
