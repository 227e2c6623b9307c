import LatchkeyCore
import LatchkeyGateway
import LatchkeyTesting
import NIOCore
import Testing

/// What the gateway reads from a request, and what it changes in one.
struct RequestReadingTests {
    private func read(
        _ body: String?, path: String = "/chat/completions", method: String = "POST", shape: UsageShape = .openai
    ) throws -> RequestReading {
        try RequestReading.read(method: method, path: path, body: body.map { ByteBuffer(string: $0) }, shape: shape)
    }

    private func sent(_ body: String, path: String = "/chat/completions") throws -> String? {
        let reading = try read(body, path: path)
        #expect(reading.hidesUsageChunk == (reading.body != nil))
        return reading.body.map { String(buffer: $0) }
    }

    @Test(
        arguments: [
            ("/chat/completions", "chat", nil), ("/v1/chat/completions/", "chat", nil),
            ("/completions", "text_completion", nil),
            ("/embeddings", "embeddings", nil), ("/messages", "chat", nil), ("/responses", "chat", nil),
            ("/v2/chat", "chat", nil),
            ("/v2/embed", "embeddings", nil),
            ("/v1beta/models/gemini-2.5-pro:generateContent", "generate_content", "gemini-2.5-pro"),
            ("/v1beta/models/gemini-2.5-pro%3AstreamGenerateContent", "generate_content", "gemini-2.5-pro"),
            ("/v1beta/models/text-embedding-004:batchEmbedContents", "embeddings", "text-embedding-004"),
            ("/v1beta/tunedModels/mine:generateContent", "generate_content", "tunedModels/mine"),
            ("/v1beta/models/gemini-2.5-pro:countTokens", nil, "gemini-2.5-pro"),
            ("/openai/deployments/my-gpt/chat/completions", "chat", "my-gpt"),
            ("/openai/deployments/my%2Dgpt/embeddings", "embeddings", "my-gpt"),
            ("/model/anthropic.claude-v2%3A1/converse", "chat", "anthropic.claude-v2:1"),
            ("/files", nil, nil), ("/messages/count_tokens", nil, nil), ("/images/generations", nil, nil),
            ("/", nil, nil), ("", nil, nil),
            ("/models/:generateContent", "generate_content", nil),
            ("/models/%00:generateContent", "generate_content", nil),
        ] as [(String, String?, String?)])
    func `the path tells the operation, and the model where it names one`(
        path: String, operation: String?, model: String?
    ) throws {
        let reading = try read(#"{"a":1}"#, path: path, shape: .gemini)
        #expect(reading.operation == operation)
        #expect(reading.model == model)
        #expect(reading.isStreamed == path.contains("stream"))
        // Asking what there is generates nothing.
        let asked = try read(nil, path: path, method: "GET")
        #expect(asked.operation == nil && asked.estimate.isEmpty && asked.model == nil)
    }

    @Test(
        arguments: [
            (#"{"model":"gpt-4o"}"#, "gpt-4o"), (#" { "messages" : [{"model":"no"}] , "model" : "a\/b" } "#, "a/b"),
            (#"{"m\u006fdel":"gpt-4o"}"#, "gpt-4o"), (#"{"Model":"gpt-4o"}"#, nil), (#"{"model":7}"#, nil),
            (#"{"model":""}"#, nil),
            (#"{"model":"a\u0000"}"#, nil), (#"{"model":"\ud800"}"#, nil), (#"[{"model":"gpt-4o"}]"#, nil), ("", nil),
            ("{", nil),
            (#"{"model":"a"}{"model":"b"}"#, nil), (#"{"model":"a",}"#, nil), (#"{'model':'a'}"#, nil),
            (#"{"model":"a"/**/}"#, nil),
            ("\u{feff}{\"model\":\"a\"}", nil), (#"{"model":"a","x":01}"#, nil), (#"{"model":"a","x":NaN}"#, nil),
            (#"{"model":"a","x":[1 2]}"#, nil), (#"{"model":"a","x":[1}]}"#, nil), (#"{"model":"a","x":{"y":1]}"#, nil),
            ("{\"model\":\"a\",\"x\":\"\n\"}", nil), (#"{"model":"a","x":"\x"}"#, nil),
            (#"{"model":"a","x":"\u12g4"}"#, nil),
            (#"{"model":"a" "x":1}"#, nil), (#"{"model":"a","x":-}"#, nil), (#"{"model":"a","x":1.}"#, nil),
            (#"{"model":"a"#, nil),
            (#"{"model":"größer","x":"日本 😀"}"#, "größer"),
            (#"{"model":"a","x":[[],{},-0.1e+5,true,false,null,"\ud83d"]}"#, "a"),
        ] as [(String, String?)])
    func `a model is taken from a body that every reader reads in one way`(body: String, model: String?) throws {
        let reading = try read(body)
        #expect(reading.model == model)
        #expect(reading.body == nil)
    }

    @Test(
        arguments: [
            [0xc0, 0xa2], [0xff], [0xed, 0xa0, 0x80], [0xe2, 0x82], [0xf5, 0x80, 0x80, 0x80], [0xe0, 0x9f, 0xbf],
            [0x80],
        ] as [[UInt8]])
    func `what is not UTF-8 is not JSON`(bytes: [UInt8]) throws {
        let body = ByteBuffer(bytes: Array(#"{"model":"a","x":""#.utf8) + bytes + Array(#""}"#.utf8))
        let reading = try RequestReading.read(method: "POST", path: "/embeddings", body: body, shape: .openai)
        #expect(reading.model == nil)
    }

    @Test func `nesting has an end`() throws {
        for (depth, model) in [(512, "a"), (513, nil), (100_000, nil)] as [(Int, String?)] {
            let nested = String(repeating: "[", count: depth) + String(repeating: "]", count: depth)
            #expect(try read("{\"model\":\"a\",\"x\":\(nested)}").model == model)
        }
    }

    @Test(arguments: [
        #"{"model":"a","model":"a"}"#, #"{"model":"a","Model":"b"}"#, #"{"MODEL":"a","x":1,"model":"b"}"#,
        #"{"model":"a","m\u006fdel":"b"}"#, #"{"stream":true,"stream":false}"#, #"{"stream":true,"Stream":false}"#,
        #"{"stream_options":{},"stream_options":{}}"#,
        #"{"stream":true,"stream_options":{"include_usage":true,"include_usage":false}}"#,
    ])
    func `what is there twice is refused`(body: String) async {
        #expect(await code { try read(body) } == .duplicateMember)
    }

    @Test func `a member twice below is the provider's matter`() throws {
        #expect(try read(#"{"model":"a","x":{"model":"b","model":"c"},"y":1,"y":2}"#).model == "a")
    }

    @Test(
        arguments: [
            (#"{"model":"m","stream":true}"#, #"{"model":"m","stream":true,"stream_options":{"include_usage":true}}"#),
            (
                #"{ "stream" : true , "x":"é" } "#,
                #"{ "stream" : true,"stream_options":{"include_usage":true} , "x":"é" } "#
            ),
            (#"{"stream":true,"stream_options":{}}"#, #"{"stream":true,"stream_options":{"include_usage":true}}"#),
            (
                #"{"stream_options": { "x":1}, "stream":true}"#,
                #"{"stream_options": {"include_usage":true, "x":1}, "stream":true}"#
            ),
            (#"{"stream":true,"stream_options":null}"#, #"{"stream":true,"stream_options":{"include_usage":true}}"#),
            (
                #"{"stream":true,"stream_options":{"include_usage":false}}"#,
                #"{"stream":true,"stream_options":{"include_usage":true}}"#
            ),
            (
                #"{"stream":true,"stream_options":{"include_usage": null }}"#,
                #"{"stream":true,"stream_options":{"include_usage": true }}"#
            ),
            (#"{"stream":true,"stream_options":{"include_usage":true}}"#, nil), (#"{"stream":false}"#, nil),
            (#"{"stream":"true"}"#, nil),
            (#"{"stream":1}"#, nil), (#"{"a":{"stream":true}}"#, nil), (#"{"stream":true,"stream_options":7}"#, nil),
            (#"{"stream":true,"stream_options":{"include_usage":"no"}}"#, nil), (#"{"stream":true,}"#, nil),
            (#"{"stream":true,"Stream_Options":{}}"#, nil), (#"{"stream":true,"data_sources":[]}"#, nil),
            (#"{"Stream":true}"#, nil),
        ] as [(String, String?)])
    func `the usage is asked for, and every other byte stays`(body: String, wanted: String?) throws {
        #expect(try sent(body) == wanted)
        #expect(try sent(body, path: "/v1/completions") == wanted)
        for path in ["/responses", "/messages", "/embeddings", "/chat/completions/x"] {
            #expect(try sent(body, path: path) == nil)
        }
        for shape in UsageShape.allCases where shape != .openai {
            #expect(try read(body, shape: shape).body == nil)
        }
    }

    @Test(
        arguments: [
            (#"{"model":"m"}"#, "/chat/completions", 4, 4096), (#"{"max_tokens":10}"#, "/chat/completions", 5, 10),
            (#"{"max_tokens":10,"n":3}"#, "/chat/completions", 6, 30),
            (#"{"max_completion_tokens":7,"max_tokens":3}"#, "/messages", 11, 7),
            (#"{"max_output_tokens":9}"#, "/responses", 6, 9), (#"{"model":"m","max_tokens":5}"#, "/embeddings", 7, 0),
            (#"{"generationConfig":{"maxOutputTokens":8,"candidateCount":2}}"#, "/models/g:generateContent", 16, 16),
            (#"{"max_tokens":-5,"n":0}"#, "/chat/completions", 6, 4096),
            (#"{"max_tokens":"5"}"#, "/chat/completions", 5, 4096),
            (#"{"max_tokens":1000000000000,"n":1000000000000}"#, "/chat/completions", 12, 1 << 40),
            (#"{"max_tokens":99999999999999999999}"#, "/chat/completions", 9, 4096),
            ("not JSON", "/chat/completions", 2, 4096),
            (#"{"model":"m","size":1}"#, "/images/generations", 6, 0), (#"{"query":"m"}"#, "/rerank", nil, nil),
        ] as [(String, String, Int64?, Int64?)])
    func `what a call may use is estimated`(body: String, path: String, input: Int64?, output: Int64?) throws {
        let estimate = try read(body, path: path).estimate
        #expect(estimate == TokenCounts(input: input, output: output))
    }

    @Test func `no bytes make it stop`() throws {
        var random = SeededRandom(seed: 12)
        let alphabet =
            Array("{}[]\":,\\ \nmodelstreamoptionsincludeusage0123456789.-eEtruefalsn".utf8) + [0xe2, 0x82, 0xac, 0xff]
        for round in 0..<3000 {
            var body = round % 2 == 0 ? random.bytes(100) : (0..<120).map { _ in random.pick(alphabet) }
            if round % 3 == 0 {
                body = Array(#"{"model":"a","stream":true,"stream_options":{"x":1},"y":[{"z":"é"}]}"#.utf8)
            }
            if round % 3 == 0 { body[Int(random.number(in: 0...Int64(body.count - 1)))] = random.pick(alphabet) }
            let path = String(decoding: random.bytes(20), as: UTF8.self)
            _ = try? RequestReading.read(
                method: "POST", path: "/chat/completions", body: ByteBuffer(bytes: body), shape: .openai)
            _ = try? RequestReading.read(method: "POST", path: path, body: ByteBuffer(bytes: body), shape: .gemini)
        }
    }
}
