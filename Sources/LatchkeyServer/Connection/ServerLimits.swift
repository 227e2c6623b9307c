package import NIOCore

/// What one connection may ask of the server.
package struct ServerLimits: Sendable {
    package var headerBytes = 64 * 1024
    package var headerFields = 200
    /// From the first byte of a request to the end of its header fields.
    package var headDeadline = TimeAmount.seconds(10)
    /// From the end of the header fields to the end of the body.
    package var bodyDeadline = TimeAmount.seconds(20)
    /// For a client that does not read its answers.
    package var writeDeadline = TimeAmount.seconds(30)
    /// Between two requests of one connection.
    package var idle = TimeAmount.seconds(75)
    package var connections = 8192

    package init() {}
}
