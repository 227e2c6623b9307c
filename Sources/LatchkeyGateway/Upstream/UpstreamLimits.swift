package import NIOCore

/// What the connections of one event loop to providers may come to.
package struct UpstreamLimits: Sendable {
    /// Of all providers together, those being dialled included.
    package var connections = 4096
    /// To one provider.
    package var connectionsToOrigin = 1024
    /// To one provider that speaks HTTP/2: each of them takes as many calls as the provider says.
    package var multiplexedToOrigin = 16
    /// Kept for the next call to one provider.
    package var idleToOrigin = 256
    /// How long they are kept.
    package var idleTime = TimeAmount.seconds(50)
    /// How long a call waits for one when there are as many as there may be.
    package var patience = TimeAmount.seconds(5)
    /// For the name, the connection and its TLS handshake together; half of it for the name.
    package var connecting = TimeAmount.seconds(10)

    package init() {}
}
