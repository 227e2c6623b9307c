import Synchronization

/// Owner keys for a bounded time in a bounded space, found by bytes.
///
/// Two generations: keys go into the young one; when it is full or half a lifetime old it becomes the old one, and what
/// was old is dropped in one step. A hit never moves a key, so no key outlives the lifetime of the generation it was
/// born in, and evicting costs nothing per key.
final class OwnerKeyCache: Sendable {
    /// Bytes, not strings: string equality would let two spellings of `café` share a key.
    private struct Slot: Hashable {
        let kid: UInt32
        let owner: RecordOwner
    }

    private struct Generation {
        var keys: [Slot: OwnerKey] = [:]
        let born: UInt64
    }

    private struct State {
        var young: Generation
        var old: Generation
    }

    private let state: Mutex<State>
    private let halfCapacity: Int
    private let lifetime: UInt64
    private let now: @Sendable () -> UInt64

    init(capacity: Int, lifetime: UInt64, now: @escaping @Sendable () -> UInt64) {
        let time = now()
        state = Mutex(State(young: Generation(born: time), old: Generation(born: time)))
        halfCapacity = max(1, capacity / 2)
        self.lifetime = lifetime
        self.now = now
    }

    func key(for owner: RecordOwner, kid: UInt32) -> OwnerKey? {
        let slot = Slot(kid: kid, owner: owner)
        let time = now()
        return state.withLock { state in
            turn(&state, time)
            return state.young.keys[slot] ?? state.old.keys[slot]
        }
    }

    func insert(_ key: OwnerKey) {
        let slot = Slot(kid: key.kid, owner: key.owner)
        let time = now()
        state.withLock { state in
            turn(&state, time)
            if state.young.keys.count >= halfCapacity {
                state.old = state.young
                state.young = Generation(born: time)
            }
            state.young.keys[slot] = key
        }
    }

    func removeAll() {
        let time = now()
        state.withLock { $0 = State(young: Generation(born: time), old: Generation(born: time)) }
    }

    /// Drops what has reached its lifetime and starts a new generation after half of one.
    private func turn(_ state: inout State, _ time: UInt64) {
        if age(state.young, time) >= lifetime {
            state.young = Generation(born: time)
            state.old = Generation(born: time)
        } else if age(state.young, time) >= max(1, lifetime / 2) {
            state.old = state.young
            state.young = Generation(born: time)
        }
        if age(state.old, time) >= lifetime, !state.old.keys.isEmpty {
            state.old = Generation(born: time)
        }
    }

    /// A clock that goes back makes everything too old, which is the safe side.
    private func age(_ generation: Generation, _ time: UInt64) -> UInt64 {
        let age = time.subtractingReportingOverflow(generation.born)
        return age.overflow ? .max : age.partialValue
    }
}
