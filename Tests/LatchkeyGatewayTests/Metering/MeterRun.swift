import LatchkeyCore
import LatchkeyGateway
import LatchkeyTesting
import NIOCore

/// One answer through one meter.
struct MeterRun: Equatable {
    var output: [UInt8] = []
    var tokens = TokenCounts()
    var model: String?

    /// - Parameter chunks: the answer in pieces.
    init(_ chunks: [ArraySlice<UInt8>], shape: UsageShape, contentType: String?, hides: Bool) {
        var meter = AnswerMeter(shape: shape, contentType: contentType, hidesUsageChunk: hides)
        for chunk in chunks {
            if let passed = meter.feed(ByteBuffer(bytes: chunk)) { output += passed.readableBytesView }
        }
        if let rest = meter.finish() { output += rest.readableBytesView }
        tokens = meter.tokens
        model = meter.model
    }

    init(_ text: String, shape: UsageShape = .openai, contentType: String = "application/json", hides: Bool = false) {
        self.init([Array(text.utf8)[...]], shape: shape, contentType: contentType, hides: hides)
    }

    init(_ sample: AnswerSample, _ chunks: [ArraySlice<UInt8>], hides: Bool = false) {
        self.init(chunks, shape: sample.shape, contentType: sample.contentType, hides: hides)
    }
}

enum Splits {
    /// In two, at every place.
    static func inTwo(_ bytes: [UInt8]) -> [[ArraySlice<UInt8>]] {
        (0...bytes.count).map { [bytes[..<$0], bytes[$0...]] }
    }

    /// In many, at random places; also into empty pieces and single bytes.
    static func random(_ bytes: [UInt8], _ random: inout SeededRandom) -> [ArraySlice<UInt8>] {
        let longest = random.number(in: 1...60)
        var pieces: [ArraySlice<UInt8>] = []
        var start = 0
        while start < bytes.count {
            let end = min(bytes.count, start + Int(random.number(in: 0...longest)))
            pieces.append(bytes[start..<end])
            start = end
        }
        return pieces
    }
}
