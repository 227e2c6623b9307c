package import LatchkeyCore
package import NIOCore

/// Counts what an answer says was used, while it goes by.
package struct AnswerMeter {
    package init(shape: UsageShape, contentType: String?, hidesUsageChunk: Bool) {}
    package mutating func feed(_ chunk: ByteBuffer) -> ByteBuffer? { chunk }
    package mutating func finish() -> ByteBuffer? { nil }
    package var tokens: TokenCounts { TokenCounts() }
    package var model: String? { nil }
}
