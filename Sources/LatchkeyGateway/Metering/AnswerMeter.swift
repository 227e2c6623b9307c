package import LatchkeyCore
package import NIOCore

/// Counts what an answer says was used, while it goes by: JSON (also several texts in a row) and event streams. Anything
/// else passes uncounted.
///
/// Chunks pass as they are, and at once. Only where the chunk that tells the usage has to be hidden is an event held
/// until it is complete, as long as it has no more than 64 KiB.
package struct AnswerMeter {
    private enum Form { case json, events, other }

    private let form: Form
    private let hidesUsageChunk: Bool
    private var scanner = AnswerScanner()
    private var framer: EventFramer
    /// How many bytes have come in.
    private var seen = 0
    /// An event that is not complete yet, where one may have to be hidden.
    private var held: ByteBuffer?

    /// Whether the answer is an event stream, as its header says.
    package let isEventStream: Bool

    package static let mostHeldBytes = 64 * 1024

    /// - Parameters:
    ///   - contentType: of the answer, as its header has it.
    ///   - hidesUsageChunk: the caller did not ask for the chunk of an event stream that has no choices but the usage, nor
    ///     for the `"usage":null` in the others, and is not to see them.
    package init(shape: UsageShape, contentType: String?, hidesUsageChunk: Bool) {
        let told = Self.form(of: contentType)
        isEventStream = told == .events
        form = shape == .none ? .other : told
        self.hidesUsageChunk = hidesUsageChunk && form == .events
        framer = EventFramer(cutsUsage: self.hidesUsageChunk)
    }

    /// Looks at a chunk and gives what may go on now: most often the very same buffer.
    ///
    /// - Returns: nil where nothing may yet.
    package mutating func feed(_ chunk: ByteBuffer) -> ByteBuffer? {
        switch form {
        case .other: return chunk
        case .json:
            chunk.withUnsafeReadableBytes { scanner.scan($0, origin: seen) }
            seen &+= chunk.readableBytes
            return chunk
        case .events:
            chunk.withUnsafeReadableBytes { framer.scan($0, origin: seen, into: &scanner) }
            seen &+= chunk.readableBytes
            return hidesUsageChunk ? release(chunk) : chunk
        }
    }

    /// The end of the answer: gives what was held.
    package mutating func finish() -> ByteBuffer? {
        switch form {
        case .other: return nil
        case .json:
            scanner.breakToken(at: seen)
            return nil
        case .events:
            framer.finish(at: seen, scanner: &scanner)
            return hidesUsageChunk ? release(ByteBuffer()) : nil
        }
    }

    /// Whether less may go on than comes in, so that a length given beforehand does not hold.
    package var changesLength: Bool { hidesUsageChunk }

    /// What has been told so far.
    package var tokens: TokenCounts { scanner.figures.counts }

    /// The model that answered, by its own word.
    package var model: String? { scanner.model }

    private static func form(of contentType: String?) -> Form {
        guard let contentType else { return .other }
        let kind = contentType.utf8.prefix { $0 != UInt8(ascii: ";") && $0 != UInt8(ascii: " ") }.map { byte in
            byte >= 0x41 && byte <= 0x5a ? byte | 0x20 : byte
        }
        switch String(decoding: kind, as: UTF8.self) {
        case "text/event-stream": return .events
        case "application/json", "application/x-ndjson", "application/ndjson", "application/jsonl", "text/json":
            return .json
        default: return kind.suffix(5).elementsEqual("+json".utf8) ? .json : .other
        }
    }
}

// What is held, and what is left out
extension AnswerMeter {
    private mutating func release(_ chunk: ByteBuffer) -> ByteBuffer? {
        var bytes = chunk
        if var before = held.take() {
            before.writeImmutableBuffer(chunk)
            bytes = before
        }
        let begin = seen &- bytes.readableBytes
        let complete = framer.eventStart &- begin
        let cuts = framer.cuts
        if cuts.isEmpty, complete == bytes.readableBytes { return bytes.readableBytes > 0 ? bytes : nil }

        var passed: ByteBuffer?
        if complete > 0 {
            passed = Self.without(cuts, bytes.readSlice(length: complete) ?? ByteBuffer(), begin: begin)
            framer.cuts.removeAll(keepingCapacity: true)
        }
        if bytes.readableBytes > Self.mostHeldBytes || framer.isPassedOn {
            framer.isPassedOn = true
            if passed == nil { return bytes }
            passed?.writeBuffer(&bytes)
        } else if bytes.readableBytes > 0 {
            held = bytes
        }
        return passed.flatMap { $0.readableBytes > 0 ? $0 : nil }
    }

    /// - Parameters:
    ///   - cuts: within `bytes`, in order.
    ///   - begin: where `bytes` begin in the answer.
    private static func without(_ cuts: [Range<Int>], _ bytes: ByteBuffer, begin: Int) -> ByteBuffer {
        guard !cuts.isEmpty else { return bytes }
        var bytes = bytes
        var rest = ByteBufferAllocator().buffer(capacity: bytes.readableBytes)
        var offset = begin
        for cut in cuts {
            if let kept = bytes.readSlice(length: cut.lowerBound &- offset) { rest.writeImmutableBuffer(kept) }
            bytes.moveReaderIndex(forwardBy: min(cut.count, bytes.readableBytes))
            offset = cut.upperBound
        }
        rest.writeBuffer(&bytes)
        return rest
    }
}
