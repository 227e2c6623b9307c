import LatchkeyCore
import Testing

/// Answers as providers give them, shortened.
struct AnswerSample: Sendable, CustomTestStringConvertible {
    var name: String
    var shape: UsageShape
    var contentType = "application/json"
    var text: String
    var tokens: TokenCounts
    var model: String?

    var testDescription: String { name }

    static let events = "text/event-stream; charset=utf-8"

    static let all = openAI + others
}

extension AnswerSample {
    static let openAI = [
        AnswerSample(
            name: "OpenAI chat", shape: .openai,
            text: """
                {
                  "id": "chatcmpl-1", "object": "chat.completion", "model": "gpt-4o-2024-08-06",
                  "choices": [{"index": 0, "message": {"role": "assistant", "content": "He said \\"usage\\": {\\\\",
                    "tool_calls": [{"function": {"name": "f", "arguments": "{\\"usage\\":{\\"prompt_tokens\\":9}}"}}],
                    "usage": {"prompt_tokens": 999}, "model": "no"}, "finish_reason": "stop"}],
                  "usage": {"prompt_tokens": 19, "completion_tokens": 10, "total_tokens": 29,
                    "prompt_tokens_details": {"cached_tokens": 7, "audio_tokens": 3},
                    "completion_tokens_details": {"reasoning_tokens": 4, "cached_tokens": 5}}
                }
                """,
            tokens: TokenCounts(input: 19, output: 10, cachedInput: 7), model: "gpt-4o-2024-08-06"),
        AnswerSample(
            name: "OpenAI chat, streamed", shape: .openai, contentType: events,
            text: """
                data: {"id":"c","object":"chat.completion.chunk","model":"gpt-4o","choices":[{"index":0,"delta":{"role":"assistant","content":""}}],"usage":null}

                data: {"id":"c","object":"chat.completion.chunk","model":"gpt-4o","choices":[{"index":0,"delta":{"content":"Hello \\"data: \\n\\n"}}],"usage":null}

                data: {"id":"c","object":"chat.completion.chunk","model":"gpt-4o","choices":[],"usage":{"prompt_tokens":5,"completion_tokens":2,"total_tokens":7,"prompt_tokens_details":{"cached_tokens":0}}}

                data: [DONE]


                """,
            tokens: TokenCounts(input: 5, output: 2, cachedInput: 0), model: "gpt-4o"),
        AnswerSample(
            name: "OpenAI responses", shape: .openai,
            text: #"""
                {"id":"resp_1","object":"response","metadata":{"usage":"x","model":"y"},"model":"gpt-5","output":[{"usage":{"input_tokens":1}}],
                "usage":{"input_tokens":36,"input_tokens_details":{"cached_tokens":12},"output_tokens":87,"output_tokens_details":{"reasoning_tokens":3},"total_tokens":123}}
                """#,
            tokens: TokenCounts(input: 36, output: 87, cachedInput: 12), model: "gpt-5"),
        AnswerSample(
            name: "OpenAI responses, streamed", shape: .openai, contentType: events,
            text: """
                event: response.created
                data: {"type":"response.created","response":{"id":"resp_1","model":"gpt-5-mini","usage":null,"output":[]}}

                event: response.output_text.delta
                data: {"type":"response.output_text.delta","delta":"usage"}

                event: response.completed
                data: {"type":"response.completed","response":{"id":"resp_1","model":"gpt-5-mini","output":[{"content":[{"usage":{"input_tokens":77}}]}],"usage":{"input_tokens":11,"input_tokens_details":{"cached_tokens":4},"output_tokens":22,"total_tokens":33}}}


                """,
            tokens: TokenCounts(input: 11, output: 22, cachedInput: 4), model: "gpt-5-mini"),
        AnswerSample(
            name: "OpenAI embeddings", shape: .openai,
            text: """
                {"object":"list","data":[{"object":"embedding","index":0,"embedding":[-0.0069,1e-3,0,[{}],"]"]}],
                "model":"text-embedding-3-small","usage":{"prompt_tokens":8,"total_tokens":8}}
                """,
            tokens: TokenCounts(input: 8), model: "text-embedding-3-small"),
        AnswerSample(
            name: "Voyage embeddings", shape: .openai,
            text:
                #"{"object":"list","data":[{"embedding":[0.1,-0.2]}],"model":"voyage-3","usage":{"total_tokens":10}}"#,
            tokens: TokenCounts(input: 10), model: "voyage-3"),
        AnswerSample(
            name: "Groq, streamed", shape: .openai, contentType: events,
            text: """
                data: {"id":"g","model":"llama-3.3-70b","x_groq":{"id":"req_1"},"choices":[{"index":0,"delta":{"content":"a"}}]}

                data: {"id":"g","model":"llama-3.3-70b","choices":[{"index":0,"delta":{},"finish_reason":"stop"}],"x_groq":{"id":"req_1","usage":{"queue_time":0.03,"prompt_tokens":42,"prompt_time":0.001,"completion_tokens":6,"total_tokens":48}}}

                data: [DONE]


                """,
            tokens: TokenCounts(input: 42, output: 6), model: "llama-3.3-70b"),
        AnswerSample(
            name: "DeepSeek", shape: .openai,
            text: """
                {"model":"deepseek-chat","choices":[{"message":{"content":"x"}}],"usage":{"prompt_tokens":30,"completion_tokens":4,
                "total_tokens":34,"prompt_cache_hit_tokens":20,"prompt_cache_miss_tokens":10}}
                """,
            tokens: TokenCounts(input: 30, output: 4, cachedInput: 20), model: "deepseek-chat"),
        AnswerSample(
            name: "Mistral, streamed", shape: .openaiUnasked, contentType: events,
            text: """
                data: {"id":"m","model":"mistral-small","choices":[{"index":0,"delta":{"content":"a"},"finish_reason":null}]}

                data: {"id":"m","model":"mistral-small","choices":[{"index":0,"delta":{"content":""},"finish_reason":"stop"}],"usage":{"prompt_tokens":13,"total_tokens":15,"completion_tokens":2}}

                data: [DONE]


                """,
            tokens: TokenCounts(input: 13, output: 2), model: "mistral-small"),
        AnswerSample(
            name: "Azure, streamed", shape: .openai, contentType: events,
            text: """
                data: {"choices":[],"created":0,"id":"","model":"","object":"","prompt_filter_results":[{"prompt_index":0}]}

                data: {"choices":[{"delta":{"content":"a"},"index":0}],"id":"c","model":"gpt-4o-mini","usage":null}

                data: {"choices":[],"id":"c","model":"gpt-4o-mini","usage":{"completion_tokens":1,"prompt_tokens":3,"total_tokens":4}}

                data: [DONE]


                """,
            tokens: TokenCounts(input: 3, output: 1), model: "gpt-4o-mini"),
    ]

    static let others = [
        AnswerSample(
            name: "Anthropic", shape: .anthropic,
            text: """
                {"id":"msg_1","type":"message","role":"assistant","model":"claude-sonnet-4-5","content":[{"type":"tool_use",
                "input":{"usage":{"input_tokens":1,"output_tokens":1},"model":"no"}}],"stop_reason":"end_turn","usage":{"input_tokens":12,
                "cache_creation_input_tokens":200,"cache_read_input_tokens":3000,"cache_creation":{"ephemeral_5m_input_tokens":200},
                "output_tokens":6,"service_tier":"standard"}}
                """,
            tokens: TokenCounts(input: 3212, output: 6, cachedInput: 3000), model: "claude-sonnet-4-5"),
        AnswerSample(
            name: "Anthropic, streamed", shape: .anthropic, contentType: events,
            text: """
                event: message_start
                data: {"type":"message_start","message":{"id":"msg_1","type":"message","role":"assistant","model":"claude-opus-4-1","content":[],"stop_reason":null,"usage":{"input_tokens":25,"cache_creation_input_tokens":0,"cache_read_input_tokens":100,"output_tokens":1}}}

                event: ping
                data: {"type": "ping"}

                event: content_block_delta
                data: {"type":"content_block_delta","index":0,"delta":{"type":"input_json_delta","partial_json":"{\\"usage\\":{\\"output_tokens\\":900}}"}}

                event: message_delta
                data: {"type":"message_delta","delta":{"stop_reason":"end_turn","stop_sequence":null},"usage":{"output_tokens":7}}

                event: message_delta
                data: {"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"input_tokens":0,"output_tokens":15}}

                event: message_stop
                data: {"type":"message_stop"}


                """,
            tokens: TokenCounts(input: 125, output: 15, cachedInput: 100), model: "claude-opus-4-1"),
        AnswerSample(
            name: "Gemini", shape: .gemini,
            text: """
                {"candidates":[{"content":{"parts":[{"functionCall":{"args":{"usageMetadata":{"promptTokenCount":1}}}}]}}],
                "usageMetadata":{"promptTokenCount":11,"candidatesTokenCount":20,"totalTokenCount":36,"thoughtsTokenCount":5,
                "cachedContentTokenCount":8,"promptTokensDetails":[{"modality":"TEXT","tokenCount":11}]},"modelVersion":"gemini-2.5-flash"}
                """,
            tokens: TokenCounts(input: 11, output: 25, cachedInput: 8), model: "gemini-2.5-flash"),
        AnswerSample(
            name: "Gemini, streamed", shape: .gemini, contentType: events,
            text: geminiParts.map { "data: \($0)\r\n\r\n" }.joined(),
            tokens: TokenCounts(input: 4, output: 12), model: "gemini-2.5-pro"),
        AnswerSample(
            name: "Gemini, streamed as an array", shape: .gemini, contentType: "application/json; charset=UTF-8",
            text: "[\(geminiParts.joined(separator: "\n,\r\n"))]\n",
            tokens: TokenCounts(input: 4, output: 12), model: "gemini-2.5-pro"),
        AnswerSample(
            name: "Cohere chat", shape: .cohere,
            text: """
                {"id":"c","message":{"role":"assistant","content":[{"type":"text","text":"a"}]},"usage":{"billed_units":{"input_tokens":5,
                "output_tokens":418},"tokens":{"input_tokens":71,"output_tokens":418}}}
                """,
            tokens: TokenCounts(input: 71, output: 418)),
        AnswerSample(
            name: "Cohere chat, streamed", shape: .cohere, contentType: events,
            text: """
                event: content-delta
                data: {"type":"content-delta","index":0,"delta":{"message":{"content":{"text":"usage"},"usage":{"tokens":{"input_tokens":1}}}}}

                event: message-end
                data: {"type":"message-end","delta":{"finish_reason":"COMPLETE","usage":{"billed_units":{"input_tokens":2,"output_tokens":3},"tokens":{"input_tokens":17,"output_tokens":3}}}}

                data: [DONE]


                """,
            tokens: TokenCounts(input: 17, output: 3)),
        AnswerSample(
            name: "Cohere embed", shape: .cohere,
            text:
                #"{"id":"e","embeddings":{"float":[[0.1,0.2]]},"meta":{"api_version":{"version":"2"},"billed_units":{"input_tokens":2.0}}}"#,
            tokens: TokenCounts(input: 2)),
        AnswerSample(
            name: "Cohere, an event a line", shape: .cohere, contentType: "application/stream+json",
            text: """
                {"event_type":"text-generation","text":"a"}
                {"event_type":"stream-end","response":{"text":"a","meta":{"tokens":{"input_tokens":9,"output_tokens":1}}},"finish_reason":"COMPLETE"}

                """,
            tokens: TokenCounts(input: 9, output: 1)),
        AnswerSample(
            name: "Bedrock converse", shape: .openai,
            text:
                #"{"metrics":{"latencyMs":1},"output":{"message":{"content":[{"text":"a"}]}},"usage":{"inputTokens":30,"outputTokens":6,"totalTokens":36}}"#,
            tokens: TokenCounts(input: 30, output: 6)),
    ]

    private static let geminiParts = [
        #"{"candidates":[{"content":{"parts":[{"text":"a"}]}}],"usageMetadata":{"promptTokenCount":4,"totalTokenCount":4},"modelVersion":"gemini-2.5-pro"}"#,
        #"{"candidates":[{"content":{"parts":[{"text":"]}"}]}}],"usageMetadata":{"promptTokenCount":4,"candidatesTokenCount":5,"totalTokenCount":9},"modelVersion":"gemini-2.5-pro"}"#,
        #"{"candidates":[{"finishReason":"STOP"}],"usageMetadata":{"promptTokenCount":4,"candidatesTokenCount":12,"totalTokenCount":16},"modelVersion":"gemini-2.5-pro"}"#,
    ]
}
