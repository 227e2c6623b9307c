package import LatchkeyCore
import Synchronization

/// A clock that stands still until it is moved.
package final class TestClock: Sendable {
    private let time: Mutex<Timestamp>

    /// - Parameter unixSeconds: 2026-01-01T00:00:00Z unless given.
    package init(unixSeconds: Int64 = 1_767_225_600) {
        time = Mutex(Timestamp(microseconds: unixSeconds * 1_000_000))
    }

    package func advance(seconds: Int64) { time.withLock { $0 = $0.advanced(bySeconds: seconds) } }

    package var clock: WallClock { WallClock { [self] in time.withLock { $0 } } }
}
