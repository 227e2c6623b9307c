import LatchkeyCore
import NIOCore

/// A call that has no connection yet: one is dialled for it, or comes free.
final class UpstreamWaiter: UpstreamWait {
    let destination: Destination
    let user: UserID
    /// Only a connection that is made now will do.
    let isFresh: Bool
    /// The connection that is being made for it.
    var dial: UpstreamDial?
    /// It has been given one, or given up.
    var isServed = false
    private let loop: any EventLoop
    private let onCancel: (UpstreamWaiter) -> Void
    private var continuation: CheckedContinuation<NIOLoopBound<UpstreamHandler>, any Error>?
    private var timer: Scheduled<Void>?

    init(
        destination: Destination, user: UserID, isFresh: Bool, loop: any EventLoop,
        onCancel: @escaping (UpstreamWaiter) -> Void
    ) {
        self.destination = destination
        self.user = user
        self.isFresh = isFresh
        self.loop = loop
        self.onCancel = onCancel
    }

    func cancel() { onCancel(self) }

    /// - Parameter expire: called after so long, unless the wait is over before.
    func begin(
        _ continuation: CheckedContinuation<NIOLoopBound<UpstreamHandler>, any Error>, for patience: TimeAmount,
        expire: @escaping (UpstreamWaiter) -> Void
    ) {
        self.continuation = continuation
        let bound = NIOLoopBound((waiter: self, expire: expire), eventLoop: loop)
        timer = loop.scheduleTask(in: patience) { bound.value.expire(bound.value.waiter) }
    }

    func succeed(_ handler: UpstreamHandler) { end(.success(NIOLoopBound(handler, eventLoop: loop))) }

    func fail(_ error: any Error) { end(.failure(error)) }

    private func end(_ result: Result<NIOLoopBound<UpstreamHandler>, any Error>) {
        timer?.cancel()
        timer = nil
        continuation.take()?.resume(with: result)
    }
}
