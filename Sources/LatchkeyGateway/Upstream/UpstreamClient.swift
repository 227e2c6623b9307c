package import LatchkeyCore
package import NIOCore
package import NIOHTTP1

/// How calls get to providers. Everything about one call happens on the event loop it was made on.
///
/// A protocol, so that the way can be measured beside another and scripted in tests.
package protocol UpstreamClient: Sendable {
    /// Finds or opens a connection and sends the head.
    ///
    /// - Parameters:
    ///   - user: whose call it is: one user cannot take all connections.
    ///   - receiver: told of the answer, on `loop`, until its end or its failure; nothing after either. Where no
    ///     connection is free it is told that first.
    ///   - loop: the loop this is called on.
    ///   - isFresh: over a new connection, for a call whose kept one turned out to be closed.
    /// - Throws: `UpstreamFailure` when nothing was sent; `CancellationError` when the wait was ended.
    func call(
        _ head: HTTPRequestHead, to destination: Destination, of user: UserID, receiver: any UpstreamReceiver,
        on loop: any EventLoop, isFresh: Bool
    ) async throws -> any UpstreamCall

    /// Ends idle connections, for the end of the service.
    func close() async
}

/// The sending side of one call.
package protocol UpstreamCall: AnyObject {
    func send(_ bytes: ByteBuffer)
    /// The request is complete.
    func end()
    func flush()
    /// Whether more of the body may be sent now.
    var isWritable: Bool { get }
    /// Holds the answer back, or lets it come again.
    func setReading(_ isReading: Bool)
    /// Whether the connection had served a call before: it may have been closed at the other end meanwhile.
    var isReused: Bool { get }
    /// Ends the call wherever it is; the receiver hears nothing more.
    func cancel()
    /// As `cancel`, for a call that was never answered: no other call is put on its connection.
    func giveUp()
}

/// A call that waits for a connection.
package protocol UpstreamWait: AnyObject {
    /// Nobody wants the call any more: its connection is not dialled to the end.
    func cancel()
}

/// The receiving side of one call.
package protocol UpstreamReceiver: AnyObject {
    /// A connection has to be dialled or to come free; not told where there is one at once.
    func upstreamWaits(_ wait: any UpstreamWait)
    func upstreamHead(_ head: HTTPResponseHead)
    func upstreamBody(_ bytes: ByteBuffer)
    /// What has come in one read has been told: a good moment to pass it on.
    func upstreamReadComplete()
    func upstreamEnd()
    func upstreamFailed(_ failure: UpstreamFailure)
    func upstreamWritabilityChanged()
}

/// Why a provider could not be asked, or did not answer to the end.
package enum UpstreamFailure: Error, Sendable, Equatable {
    case noAddress
    /// No connection came about; with TLS, that its certificate could not be verified is told apart.
    case unreachable
    case certificate
    case connectTimeout
    /// The connection ended, or what came is not HTTP.
    case brokenOff
    case tooManyConnections
}
