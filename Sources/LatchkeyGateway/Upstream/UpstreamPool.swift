import LatchkeyCore
import NIOCore

/// The connections of one event loop to all providers.
final class UpstreamPool {
    let loop: any EventLoop
    let limits: UpstreamLimits
    let dialer: UpstreamDialer
    let resolver: AddressResolver
    let executor: EventLoopExecutor
    private var origins: [UpstreamOrigin.Name: UpstreamOrigin] = [:]
    /// Connections, and those being dialled.
    private var count = 0
    /// A call waits because there are too many of them.
    private var isShort = false
    private var sweep: RepeatedTask?

    init(loop: any EventLoop, limits: UpstreamLimits, dialer: UpstreamDialer, resolver: AddressResolver) {
        self.loop = loop
        self.limits = limits
        self.dialer = dialer
        self.resolver = resolver
        executor = EventLoopExecutor(loop: loop)
    }

    func origin(_ destination: Destination) -> UpstreamOrigin {
        let name = UpstreamOrigin.Name(destination)
        if let origin = origins[name] { return origin }
        let origin = UpstreamOrigin(pool: self)
        origins[name] = origin
        startSweep()
        return origin
    }

    /// Counts one more, unless there are too many: then one that is idle somewhere makes room.
    func takeRoom(for user: UserID) -> Bool {
        guard count < limits.connections else {
            isShort = true
            origins.values.first { $0.hasIdle }?.closeOldest()
            return false
        }
        let most = limits.connections / 2
        guard count <= most || origins.values.reduce(0, { $0 + $1.connections(of: user) }) < most else { return false }
        count += 1
        return true
    }

    func giveBackRoom() {
        count -= 1
        guard isShort else { return }
        isShort = false
        for origin in origins.values { origin.serve() }
    }

    /// For the end of the service: calls under way go on.
    func closeIdle() {
        sweep?.cancel()
        for origin in origins.values {
            origin.closeIdle(since: .distantFuture)
            for connection in origin.multiplexed { connection.retire() }
        }
    }

    private func startSweep() {
        guard sweep == nil else { return }
        let pool = NIOLoopBound(self, eventLoop: loop)
        sweep = loop.scheduleRepeatedTask(initialDelay: .seconds(10), delay: .seconds(10)) { _ in
            pool.value.closeOld()
        }
    }

    private func closeOld() {
        let oldest = NIODeadline.now() - limits.idleTime
        for (name, origin) in origins {
            origin.closeIdle(since: oldest)
            if origin.isUnused { origins[name] = nil }
        }
        guard origins.isEmpty else { return }
        sweep?.cancel()
        sweep = nil
    }
}
