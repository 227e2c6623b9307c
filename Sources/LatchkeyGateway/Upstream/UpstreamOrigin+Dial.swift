import LatchkeyCore
import NIOCore
import NIOHTTP2

// Making connections
extension UpstreamOrigin {
    /// Dials for those in line for whom nothing is on its way, while there may be more connections.
    ///
    /// - Parameter refused: users who have as many as they may.
    func dial(without refused: Set<UserID>) {
        var refused = refused
        for waiter in waiting where !waiter.isServed && waiter.dial == nil {
            if isMultiplexed, onTheWay >= waiting.count { return }
            guard hasRoom else {
                // What is kept is of no use to one who needs a new one.
                if waiter.isFresh { closeOldest() }
                return
            }
            guard !refused.contains(waiter.user) else { continue }
            guard mayHave(waiter.user), pool.takeRoom(for: waiter.user) else {
                refused.insert(waiter.user)
                continue
            }
            start(waiter)
        }
    }

    private var hasRoom: Bool {
        isMultiplexed
            ? multiplexed.count + dials.count < limits.multiplexedToOrigin
            : handlers.count + dials.count < limits.connectionsToOrigin
    }

    /// How many calls will find room over HTTP/2 once the connections are there and the provider has said what they take.
    private var onTheWay: Int {
        multiplexed.reduce(dials.count * usualStreams) { sum, connection in
            sum + (connection.mostStreams == nil ? max(0, usualStreams - connection.count) : 0)
        }
    }

    private func start(_ waiter: UpstreamWaiter) {
        let dial = UpstreamDial(for: waiter, isNeeded: isMultiplexed)
        let destination = waiter.destination
        waiter.dial = dial
        dials.append(dial)
        let run = NIOLoopBound((origin: self, dial: dial), eventLoop: pool.loop)
        // On the loop, and ended by its deadline, or as soon as nobody waits for it.
        Task(executorPreference: pool.executor) { await run.value.origin.run(run.value.dial, to: destination) }
    }

    private func run(_ dial: UpstreamDial, to destination: Destination) async {
        do {
            let connection = try await pool.dialer.dial(destination, as: dial, on: pool.loop) { deadline in
                try await addresses(of: destination, before: deadline)
            }
            finish(dial, connection)
        } catch {
            fail(dial, error)
        }
    }

    private func finish(_ dial: UpstreamDial, _ connection: UpstreamDialer.Connection) {
        guard forget(dial) else { return connection.channel.close(promise: nil) }
        let waiter = dial.waiter.take()
        waiter?.dial = nil
        do {
            guard connection.channel.isActive else { throw UpstreamFailure.unreachable }
            switch connection {
            case .http1(let channel): try add(channel, for: waiter)
            case .http2(let channel, let multiplexer, let watcher):
                add(made(of: channel, multiplexer), watcher.value, for: waiter, isNeeded: dial.isNeeded)
            }
        } catch {
            connection.channel.close(promise: nil)
            if let waiter { fail([waiter], UpstreamFailure.unreachable) }
            pool.giveBackRoom()
        }
        waiting.removeAll(where: \.isServed)
        serve()
    }

    private func fail(_ dial: UpstreamDial, _ error: any Error) {
        guard forget(dial) else { return }
        if let waiter = dial.waiter.take() {
            waiter.dial = nil
            fail([waiter], error)
        }
        // With HTTP/2 one is dialled for many: it was theirs too.
        if isMultiplexed, multiplexed.isEmpty, dials.isEmpty { fail(waiting, error) }
        pool.giveBackRoom()
        serve()
    }

    private func fail(_ waiters: [UpstreamWaiter], _ error: any Error) {
        for waiter in waiters where !waiter.isServed {
            waiter.isServed = true
            waiter.fail(error)
        }
        waiting.removeAll(where: \.isServed)
    }

    func cancel(_ dial: UpstreamDial) {
        guard forget(dial) else { return }
        dial.cancel()
        pool.giveBackRoom()
        serve()
    }

    /// - Returns: false when it was forgotten before.
    private func forget(_ dial: UpstreamDial) -> Bool {
        guard let place = dials.firstIndex(where: { $0 === dial }) else { return false }
        dials.remove(at: place)
        return true
    }

    /// One lookup at a time, whoever waits for it: a name server that does not answer holds up one thread and not one for
    /// each call.
    private func addresses(
        of destination: Destination, before deadline: NIODeadline
    ) async throws -> [SocketAddress] {
        guard destination.literalAddress == nil else { return try await pool.resolver.addresses(for: destination) }
        let promise = pool.loop.makePromise(of: [SocketAddress].self)
        // Of the two, what comes first.
        (lookup ?? lookUp(destination)).cascade(to: promise)
        let timer = pool.loop.scheduleTask(deadline: deadline) { promise.fail(UpstreamFailure.connectTimeout) }
        defer { timer.cancel() }
        return try await promise.futureResult.get()
    }

    private func lookUp(_ destination: Destination) -> EventLoopFuture<[SocketAddress]> {
        let resolver = pool.resolver
        let found = pool.loop.makeFutureWithTask { try await resolver.addresses(for: destination) }
        lookup = found
        let origin = NIOLoopBound(self, eventLoop: pool.loop)
        found.whenComplete { _ in origin.value.lookup = nil }
        return found
    }
}

// Keeping them
extension UpstreamOrigin {
    private func add(_ channel: any Channel, for waiter: UpstreamWaiter?) throws {
        isMultiplexed = false
        let handler = UpstreamHandler(
            isMultiplexed: false, onIdle: { [weak self] in self?.putBack($0) },
            onClosed: { [weak self] in self?.forget($0) })
        try channel.pipeline.syncOperations.addHandler(handler)
        handlers[ObjectIdentifier(handler)] = handler
        if let waiter { serve(waiter, with: handler) } else { putBack(handler) }
    }

    private func made(
        of channel: any Channel, _ multiplexer: NIOHTTP2Handler.StreamMultiplexer
    ) -> HTTP2Connection {
        let pool = pool
        return HTTP2Connection(
            channel: channel, multiplexer: multiplexer, onChange: { [weak self] in self?.changed($0) },
            onClosed: { [weak self] connection in
                self?.retired.removeAll { $0 === connection }
                pool.giveBackRoom()
            })
    }

    private func add(
        _ connection: HTTP2Connection, _ watcher: HTTP2Watcher, for waiter: UpstreamWaiter?, isNeeded: Bool
    ) {
        isMultiplexed = true
        // Of several that were opened at once, before it was known that one takes many calls, the first serves on.
        let isSpare = !isNeeded && multiplexed.contains { $0.hasRoom || $0.mostStreams == nil }
        multiplexed.append(connection)
        if let waiter { serve(waiter, with: connection.stream(of: waiter.user)) }
        connection.watch(watcher)
        if isSpare { connection.retire() }
        changed(connection)
    }

    private func changed(_ connection: HTTP2Connection) {
        if connection.isRetired, let place = multiplexed.firstIndex(where: { $0 === connection }) {
            retired.append(multiplexed.remove(at: place))
        }
        if let most = connection.mostStreams { usualStreams = max(1, most) }
        serve()
    }

    private func putBack(_ handler: UpstreamHandler) {
        guard idle.count < limits.idleToOrigin || !waiting.isEmpty else { return handler.close() }
        idle.append(handler)
        serve()
    }

    private func forget(_ handler: UpstreamHandler) {
        handlers[ObjectIdentifier(handler)] = nil
        if let place = idle.lastIndex(where: { $0 === handler }) { idle.remove(at: place) }
        pool.giveBackRoom()
        serve()
    }

    func closeOldest() {
        guard !idle.isEmpty else { return }
        idle.removeFirst().close()
    }

    /// Those that have not served since then.
    func closeIdle(since time: NIODeadline) {
        // The longest idle stand in front.
        let old = idle.prefix { $0.idleSince < time }
        idle.removeFirst(old.count)
        for handler in old { handler.close() }
        for connection in multiplexed where connection.isIdle(since: time) { connection.retire() }
    }
}
