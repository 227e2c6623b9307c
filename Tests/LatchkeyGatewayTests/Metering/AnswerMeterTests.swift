import LatchkeyCore
import LatchkeyGateway
import LatchkeyTesting
import NIOCore
import Testing

/// What an answer tells is counted, and the answer stays what it is.
struct AnswerMeterTests {
    @Test(arguments: AnswerSample.all)
    func `the tokens and the model are read, and each byte passes`(sample: AnswerSample) {
        let bytes = Array(sample.text.utf8)
        let run = MeterRun(sample, [bytes[...]])
        #expect(run.tokens == sample.tokens)
        #expect(run.model == sample.model)
        #expect(run.output == bytes)
    }

    @Test(arguments: AnswerSample.all)
    func `wherever an answer is split, the counts and the bytes are the same`(sample: AnswerSample) {
        let bytes = Array(sample.text.utf8)
        let whole = MeterRun(sample, [bytes[...]])
        for pieces in Splits.inTwo(bytes) where MeterRun(sample, pieces) != whole {
            Issue.record("\(sample.name) split at \(pieces[0].count)")
        }
        var random = SeededRandom(seed: 4)
        for _ in 0..<200 { #expect(MeterRun(sample, Splits.random(bytes, &random)) == whole) }
        #expect(MeterRun(sample, bytes.indices.map { bytes[$0...$0] }) == whole)
    }

    @Test(arguments: AnswerSample.all.filter { $0.contentType == AnswerSample.events }, ["\r\n", "\r", "\n"])
    func `events end with any of the three ends of line`(sample: AnswerSample, end: String) {
        let text = sample.text.replacing("\r\n", with: "\n").replacing("\n", with: end)
        for text in [text, "\u{feff}" + text, ": a comment\(end)\(end)" + text, "id: 1\(end)retry: 3\(end)" + text] {
            let bytes = Array(text.utf8)
            var random = SeededRandom(seed: 5)
            for _ in 0..<20 {
                let run = MeterRun(sample, Splits.random(bytes, &random))
                #expect(run.tokens == sample.tokens)
                #expect(run.model == sample.model)
                #expect(run.output == bytes)
            }
        }
    }

    @Test func `an event in several data lines is one text`() {
        let text =
            "data: {\"model\":\"m\",\ndata:\"usage\":{\"prompt_tokens\":1\ndata:2,\"completion_tokens\":3\ndata:}}\n\n"
        let run = MeterRun(text, contentType: "text/event-stream")
        #expect(run.tokens == TokenCounts(input: 1, output: 3))
        #expect(run.model == "m")
        // Only data is data.
        let other =
            "date: {\"usage\":{\"prompt_tokens\":1}}\ndatas: {}\ndat: {}\n: {\"usage\":{\"prompt_tokens\":2}}\n\n"
        #expect(MeterRun(other, contentType: "text/event-stream").tokens.isEmpty)
    }

    @Test func `an event that is cut off does not spoil the next one`() {
        let text = "data: {\"a\":[\"\\\n\ndata: {\"usage\":{\"prompt_tokens\":1}}\n\n"
        #expect(MeterRun(text, contentType: "Text/Event-Stream").tokens == TokenCounts(input: 1))
    }

    @Test(arguments: [
        #"{"choices":[{"usage":{"prompt_tokens":1}}]}"#, #"{"a":{"usage":{"prompt_tokens":1}}}"#,
        #"{"usage":[{"prompt_tokens":1}]}"#, #"{"usage":"{\"prompt_tokens\":1}"}"#,
        #"{"usage":{"a":{"prompt_tokens":1}}}"#, #"{"message":{"a":{"usage":{"input_tokens":1}}}}"#,
        #"["usage",{"a":[{"usage":{"prompt_tokens":1}}]}]"#, #"[[{"usage":{"prompt_tokens":1}}]]"#,
        #"{"a":"\\","b":"\"usage\":{\"prompt_tokens\":1}"}"#,
        #"{"usag":{"prompt_tokens":1},"usages":{"prompt_tokens":1}}"#,
        #"{"response":{"response":{"usage":{"prompt_tokens":1}}}}"#,
        #"{"usage":{"prompt_tokens":{"prompt_tokens":1}}}"#,
        #"{"usage":{"prompt_token":1,"prompt_tokens_":1,"PROMPT_TOKENS":1}}"#,
        #"{"us\u0061ge":{"prompt_tokens":1}}"#, #"{"usage\"":{"prompt_tokens":1}}"#,
        #"{"\"usage":{"prompt_tokens":1}}"#, #"{"usage":{"prompt_token\u0073":1}}"#,
    ])
    func `what looks like a count elsewhere is none`(text: String) {
        #expect(MeterRun(text).tokens.isEmpty)
    }

    @Test(arguments: [
        "-1", "1.5", "1e3", "1E3", "\"7\"", "true", "null", "[7]", "{}", "9223372036854775808", "1000000000001",
        "99999999999999999999999999999999999999999999", "-", "1-", "0x7", "1.", "", "nul", "7a",
    ])
    func `what is no count is not taken for one`(value: String) {
        let run = MeterRun("{\"usage\":{\"prompt_tokens\":\(value),\"completion_tokens\":3}}")
        #expect(run.tokens.input == nil || value == "1." && run.tokens.input == 1)
    }

    @Test func `a member that comes again counts as it came last, and zeros take nothing back`() {
        let run = MeterRun(#"{"usage":{"prompt_tokens":1,"prompt_tokens":2},"usage":{"prompt_tokens":5}}"#)
        #expect(run.tokens == TokenCounts(input: 5))
        #expect(
            MeterRun(#"{"usage":{"prompt_tokens":5,"completion_tokens":0},"usage":{"prompt_tokens":0}}"#).tokens
                == TokenCounts(input: 5, output: 0))
    }

    @Test(
        arguments: [
            (#""""#, nil), (#""a\/b""#, "a/b"), (#""a\u0062""#, "ab"), (#""a\nb""#, nil), (#""\ud800""#, nil),
            ("7", nil),
            (#""größer""#, "größer"), ("\"\(String(repeating: "x", count: 256))\"", String(repeating: "x", count: 256)),
            ("\"\(String(repeating: "x", count: 257))\"", nil), ("\"\(String(repeating: "x", count: 100_000))\"", nil),
        ] as [(String, String?)])
    func `a model's name is text of a sensible length`(value: String, model: String?) {
        let text = "{\"model\":\(value),\"usage\":{\"prompt_tokens\":1}}"
        let bytes = Array(text.utf8)
        #expect(MeterRun(text).model == model)
        var random = SeededRandom(seed: 6)
        let pieces = Splits.random(bytes, &random)
        let run = MeterRun(pieces, shape: .openai, contentType: "application/json", hides: false)
        #expect(run.model == model)
        #expect(run.tokens.input == 1)
    }

    @Test(arguments: [nil, "text/plain", "audio/mpeg", "application/jsonx", "application/vnd.amazon.eventstream", ""])
    func `what is neither JSON nor events passes uncounted`(contentType: String?) {
        let bytes = Array(#"{"usage":{"prompt_tokens":1}}"#.utf8)
        let run = MeterRun([bytes[...]], shape: .openai, contentType: contentType, hides: true)
        #expect(run.tokens.isEmpty)
        #expect(run.output == bytes)
    }

    @Test(arguments: [
        "application/json", "APPLICATION/JSON ; charset=utf-8", "application/problem+json", "application/x-ndjson",
    ])
    func `JSON goes by several names`(contentType: String) {
        #expect(MeterRun(#"{"usage":{"prompt_tokens":1}}"#, contentType: contentType).tokens.input == 1)
        #expect(MeterRun(#"{"usage":{"prompt_tokens":1}}"#, shape: .none, contentType: contentType).tokens.isEmpty)
    }

    @Test func `what passes is the very buffer that came, not a copy`() throws {
        var meter = AnswerMeter(shape: .openai, contentType: "application/json", hidesUsageChunk: false)
        let chunk = ByteBuffer(string: #"{"usage":{"prompt_tokens":1}}"#)
        let fed = meter.feed(chunk)
        let passed = try #require(fed)
        let addresses = [chunk, passed].map { buffer in buffer.withUnsafeReadableBytes { $0.baseAddress } }
        #expect(addresses[0] == addresses[1])
    }

    @Test func `five megabytes of embeddings are counted`() {
        let numbers = (0..<300_000).map { "-0.0\($0)" }.joined(separator: ",")
        let list = Array(repeating: #"{"object":"embedding","embedding":[\#(numbers)]}"#, count: 2).joined(
            separator: ",")
        let text = #"{"object":"list","data":[\#(list)],"model":"m","usage":{"prompt_tokens":8,"total_tokens":8}}"#
        let bytes = Array(text.utf8)
        #expect(bytes.count > 5_000_000)
        let pieces = stride(from: 0, to: bytes.count, by: 65_536).map { bytes[$0..<min($0 + 65_536, bytes.count)] }
        let run = MeterRun(pieces, shape: .openai, contentType: "application/json", hides: false)
        #expect(run.tokens == TokenCounts(input: 8))
        #expect(run.model == "m")
        #expect(run.output == bytes)
    }
}
