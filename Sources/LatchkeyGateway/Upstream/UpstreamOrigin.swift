import LatchkeyCore
import NIOCore
import NIOHTTP2

/// One provider as an event loop sees it: its connections, and the calls that wait for one.
///
/// A call takes what is free. Where nothing is, it waits in line, and connections are dialled for those in line while
/// there may be more; whatever comes free goes to the first who may have it. No user has more than half of what there
/// may be.
final class UpstreamOrigin {
    /// Who may share a connection: custom addresses are judged apart, so they never meet the catalogue's.
    struct Name: Hashable {
        let isTLS: Bool
        let host: String
        let port: Int
        let isCustom: Bool

        init(_ destination: Destination) {
            isTLS = destination.isTLS
            host = destination.host
            port = destination.port
            isCustom = destination.isCustom
        }
    }

    let pool: UpstreamPool
    var limits: UpstreamLimits { pool.limits }
    /// Of HTTP/1.1, idle or not.
    var handlers: [ObjectIdentifier: UpstreamHandler] = [:]
    var idle: [UpstreamHandler] = []
    /// Those that take calls. The first that has room gets the next one, so that those behind it fall idle.
    var multiplexed: [HTTP2Connection] = []
    /// Those that take no further calls and have not ended: they are not counted among those that there may be, what goes
    /// over them is.
    var retired: [HTTP2Connection] = []
    var dials: [UpstreamDial] = []
    /// In the order they came.
    var waiting: [UpstreamWaiter] = []
    var lookup: EventLoopFuture<[SocketAddress]>?
    /// As the last connection was.
    var isMultiplexed = false
    /// What a connection of HTTP/2 takes at once, as one of them said last; before one has, the least that is recommended
    /// (RFC 9113, section 6.5.2), so that calls wait for its word and not each for a connection.
    var usualStreams = 100
    private var isServing = false
    private var mustServeAgain = false

    init(pool: UpstreamPool) { self.pool = pool }

    var hasIdle: Bool { !idle.isEmpty }

    var isUnused: Bool {
        handlers.isEmpty && multiplexed.isEmpty && retired.isEmpty && dials.isEmpty && waiting.isEmpty && lookup == nil
    }
}

// What is free
extension UpstreamOrigin {
    /// The connection that was used last: the others may run out of their time.
    func take(for user: UserID) -> UpstreamHandler? {
        guard !idle.isEmpty, mayHave(user) else { return nil }
        while let handler = idle.popLast() {
            guard handler.isUsable else { continue }
            handler.user = user
            return handler
        }
        return nil
    }

    /// - Returns: nil when no HTTP/2 connection takes another call.
    func stream(for user: UserID) -> EventLoopFuture<UpstreamHandler>? {
        guard let connection = multiplexed.first(where: \.hasRoom), mayHave(user) else { return nil }
        return connection.stream(of: user)
    }

    /// Half of what there may be at the most, so that one user cannot stop the others.
    func mayHave(_ user: UserID) -> Bool {
        let most =
            isMultiplexed ? limits.multiplexedToOrigin * usualStreams : limits.connectionsToOrigin
        let share = max(1, most / 2)
        let calls = isMultiplexed ? streams(\.count) : handlers.count - idle.count
        return calls + dials.count < share || connections(of: user) + streams { $0.count(of: user) } < share
    }

    private func streams(_ count: (HTTP2Connection) -> Int) -> Int {
        multiplexed.reduce(0) { $0 + count($1) } + retired.reduce(0) { $0 + count($1) }
    }

    /// Those that a user has for one call each, and those being dialled for the user.
    func connections(of user: UserID) -> Int {
        handlers.values.count { $0.user == user } + dials.count { $0.waiter?.user == user }
    }
}

// Waiting
extension UpstreamOrigin {
    /// - Parameter onWait: told before the wait begins.
    /// - Throws: `UpstreamFailure`; `CancellationError`; what a lookup throws.
    func wait(
        for destination: Destination, user: UserID, isFresh: Bool, onWait: (UpstreamWaiter) -> Void
    ) async throws -> UpstreamHandler {
        let waiter = UpstreamWaiter(
            destination: destination, user: user, isFresh: isFresh, loop: pool.loop,
            onCancel: { [weak self] in self?.leave($0) })
        onWait(waiter)
        return try await withCheckedThrowingContinuation { continuation in
            waiter.begin(continuation, for: limits.patience) { [weak self] in self?.expire($0) }
            waiting.append(waiter)
            serve()
        }.value
    }

    /// Gives what is free to those in line who may have it, and dials for the others.
    func serve() {
        guard !waiting.isEmpty else { return }
        // What is done here may make something free.
        mustServeAgain = true
        guard !isServing else { return }
        isServing = true
        while mustServeAgain {
            mustServeAgain = false
            serveLine()
        }
        isServing = false
    }

    private func serveLine() {
        // Who may not have one is asked once: it takes a count.
        var refused: Set<UserID> = []
        for waiter in waiting {
            guard !idle.isEmpty || multiplexed.contains(where: \.hasRoom) else { break }
            if !refused.contains(waiter.user), !give(to: waiter), !mayHave(waiter.user) {
                refused.insert(waiter.user)
            }
        }
        waiting.removeAll(where: \.isServed)
        dial(without: refused)
    }

    private func give(to waiter: UpstreamWaiter) -> Bool {
        if !waiter.isFresh, let handler = take(for: waiter.user) {
            serve(waiter, with: handler)
        } else if let stream = stream(for: waiter.user) {
            serve(waiter, with: stream)
        } else {
            return false
        }
        return true
    }

    func serve(_ waiter: UpstreamWaiter, with handler: UpstreamHandler) {
        handler.user = waiter.user
        handOver(waiter)
        waiter.succeed(handler)
    }

    func serve(_ waiter: UpstreamWaiter, with stream: EventLoopFuture<UpstreamHandler>) {
        handOver(waiter)
        let waiter = NIOLoopBound(waiter, eventLoop: pool.loop)
        stream.whenComplete { result in
            switch result {
            case .success(let handler): waiter.value.succeed(handler)
            case .failure: waiter.value.fail(UpstreamFailure.unreachable)
            }
        }
    }

    /// One leaves the line: what is dialled for it is for the next who has none.
    /// - Returns: the dial when there is nobody.
    @discardableResult
    private func handOver(_ waiter: UpstreamWaiter) -> UpstreamDial? {
        waiter.isServed = true
        guard let dial = waiter.dial.take() else { return nil }
        dial.waiter = nextInLine
        dial.waiter?.dial = dial
        return dial.waiter == nil ? dial : nil
    }

    /// The first for whom nothing is dialled, and who may have one.
    private var nextInLine: UpstreamWaiter? {
        var refused: Set<UserID> = []
        return waiting.first { waiter in
            guard !waiter.isServed, waiter.dial == nil, !refused.contains(waiter.user) else { return false }
            if !mayHave(waiter.user) { refused.insert(waiter.user) }
            return !refused.contains(waiter.user)
        }
    }

    private func leave(_ waiter: UpstreamWaiter) {
        guard !waiter.isServed else { return }
        let dial = handOver(waiter)
        waiting.removeAll { $0 === waiter }
        waiter.fail(CancellationError())
        if let dial { cancel(dial) }
    }

    private func expire(_ waiter: UpstreamWaiter) {
        // What is dialled for it has a deadline of its own.
        guard !waiter.isServed, waiter.dial == nil else { return }
        handOver(waiter)
        waiting.removeAll { $0 === waiter }
        waiter.fail(dials.isEmpty ? UpstreamFailure.tooManyConnections : UpstreamFailure.connectTimeout)
    }
}
