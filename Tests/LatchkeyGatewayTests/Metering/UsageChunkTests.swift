import LatchkeyCore
import LatchkeyGateway
import LatchkeyTesting
import NIOCore
import Testing

/// The chunk that tells the usage is hidden from a caller who did not ask for it, and nothing else is.
struct UsageChunkTests {
    private static let hello = #"data: {"id":"c","choices":[{"index":0,"delta":{"content":"a"}}]"#
    private static let usage = #"data: {"id":"c","choices":[],"usage":{"prompt_tokens":5,"completion_tokens":2}}"#

    private func run(_ text: String, hides: Bool = true) -> MeterRun {
        MeterRun(text, contentType: "text/event-stream", hides: hides)
    }

    private func output(_ text: String) -> String { String(decoding: run(text).output, as: UTF8.self) }

    @Test(arguments: ["\n", "\r", "\r\n"])
    func `what is left is what the caller asked for, wherever the stream is split`(end: String) {
        let given = "\(Self.hello),\"usage\":null}||: ping||\(Self.hello)}||\(Self.usage)||data: [DONE]||"
        let wanted = "\(Self.hello)}||: ping||\(Self.hello)}||data: [DONE]||"
        let bytes = Array(given.replacing("|", with: end).utf8)
        let expected = Array(wanted.replacing("|", with: end).utf8)
        var random = SeededRandom(seed: 9)
        let splits = Splits.inTwo(bytes) + (0..<200).map { _ in Splits.random(bytes, &random) }
        for pieces in splits {
            let run = MeterRun(pieces, shape: .openai, contentType: "text/event-stream", hides: true)
            #expect(run.output == expected)
            #expect(run.tokens == TokenCounts(input: 5, output: 2))
        }
    }

    @Test(arguments: [
        #"data: {"choices":[],"usage":null}"#, #"data: {"choices":[{"usage":{}}],"usage":{"prompt_tokens":1}}"#,
        #"data: {"choices":[]}"#, #"data: {"usage":{"prompt_tokens":1}}"#, #"data: {"choices":[[]],"usage":{}}"#,
        #"data: {"choices":[0],"usage":{}}"#, #"data: {"choices":[""],"usage":{}}"#,
        #"data: {"choices":{},"usage":{}}"#,
        #"data: {"choices":[],"a":{"usage":{}}}"#, #"data: {"a":{"choices":[]},"usage":{}}"#, "data: [DONE]", "data:",
        #"data: {"usage":null,"choices":[]}"#, #"event: error"#, #"data: {"choices":"[]","usage":{}}"#,
    ])
    func `every other event stays`(event: String) {
        let kept = event.replacing(#",\#"usage\#":null"#, with: "")
        #expect(output(event + "\n\n") == kept.replacing(#","usage":null"#, with: "") + "\n\n")
    }

    @Test func `of an event that stays only the empty usage goes`() {
        let event =
            #"data: {"choices":[{"delta":{"content":",\"usage\":null","usage":null}}] , "usage" : null , "x":1}"#
        let left = #"data: {"choices":[{"delta":{"content":",\"usage\":null","usage":null}}]  , "x":1}"#
        #expect(output(event + "\n\n") == left + "\n\n")
        // Over two lines it stays: the field's name lies in between.
        let lines = "data: {\"choices\":[{}],\ndata: \"usage\":null}\n\n"
        #expect(output(lines) == lines)
    }

    @Test func `an answer that ends within its last event gives what it may`() {
        #expect(output(Self.usage + "\n") == "")
        #expect(output(Self.usage) == "")
        #expect(run(Self.usage).tokens == TokenCounts(input: 5, output: 2))
        #expect(output(Self.hello + ",\"usage\":null}") == Self.hello + "}")
        #expect(output(Self.hello) == Self.hello)
        #expect(output("") == "")
    }

    @Test func `who asked sees it all`() {
        let text = "\(Self.hello),\"usage\":null}\n\n\(Self.usage)\n\n"
        #expect(run(text, hides: false).output == Array(text.utf8))
    }

    @Test func `complete events pass at once, and the beginning of one is held`() throws {
        var meter = AnswerMeter(shape: .openai, contentType: "text/event-stream", hidesUsageChunk: true)
        let event = Self.hello + "}\n\n"
        #expect(meter.feed(ByteBuffer(string: event)) == ByteBuffer(string: event))
        #expect(meter.feed(ByteBuffer(string: event + "data: {")) == ByteBuffer(string: event))
        #expect(meter.feed(ByteBuffer(string: "}\n")) == nil)
        #expect(meter.feed(ByteBuffer(string: "\n")) == ByteBuffer(string: "data: {}\n\n"))
        #expect(meter.finish() == nil)
    }

    @Test func `an event that does not come to its end is held up to a bound`() {
        var meter = AnswerMeter(shape: .openai, contentType: "text/event-stream", hidesUsageChunk: true)
        let piece = String(repeating: "x", count: 1000)
        var given = #"data: {"choices":[],"usage":{"prompt_tokens":5},"x":""#
        var passed = ""
        _ = meter.feed(ByteBuffer(string: given))
        for _ in 0..<200 {
            given += piece
            if let bytes = meter.feed(ByteBuffer(string: piece)) { passed += String(buffer: bytes) }
            #expect(given.utf8.count - passed.utf8.count <= AnswerMeter.mostHeldBytes)
        }
        for rest in ["\"}\n", "\n", Self.usage + "\n\n", Self.hello + ",\"usage\":null}\n\n"] {
            if let bytes = meter.feed(ByteBuffer(string: rest)) { passed += String(buffer: bytes) }
        }
        // It was too long to be hidden; the next one is hidden again.
        #expect(passed == given + "\"}\n\n" + Self.hello + "}\n\n")
        #expect(meter.tokens == TokenCounts(input: 5, output: 2))
    }

    @Test func `only where something may be hidden the length is not certain`() {
        let meters = [("text/event-stream", true), ("Text/Event-Stream; a=b", false), ("application/json", true)].map {
            AnswerMeter(shape: .openai, contentType: $0.0, hidesUsageChunk: $0.1)
        }
        #expect(meters.map(\.changesLength) == [true, false, false])
        #expect(meters.map(\.isEventStream) == [true, true, false])
    }
}
