package import LatchkeyCore
package import NIOCore

/// What the gateway reads from a request before it passes it on.
package struct RequestReading: Sendable {
    package var model: String?
    package var operation: String?
    package var isStreamed = false
    package var estimate = TokenCounts()
    package var body: ByteBuffer?
    package var hidesUsageChunk = false

    package static func read(
        method: String, path: String, body: ByteBuffer?, shape: UsageShape
    ) throws(LatchkeyError) -> RequestReading { RequestReading() }
}
