import LatchkeyCore
import LatchkeyCrypto
import LatchkeyTesting
import Testing

@testable import LatchkeyImport

/// What LibreChat seals, and what its documents say.
struct LibreChatTests {
    private let files: Files
    private let vectors: ImportVectors.LibreChat
    private let cipher: LibreChatCipher
    private let providers: ProviderNames

    init() throws {
        files = try Files()
        vectors = try ImportVectors.libreChat()
        cipher = try LibreChatCipher(
            key: SharedSecret(text: vectors.creds_key).secret, iv: SharedSecret(text: vectors.creds_iv))
        providers = try ProviderNames(
            catalogue: try ProviderCatalogue.load(operatorFile: nil, allowLoopback: false), given: ["My Proxy": "groq"])
    }

    @Test func `every form opens to what was sealed`() throws {
        for test in vectors.cases {
            #expect(try cipher.open(Array(test.value.utf8)).text == test.plaintext, "\(test.form)")
            #expect(
                try cipher.open(Array(test.value.uppercased().replacing("V3:", with: "v3:").utf8)).text
                    == test.plaintext)
        }
    }

    @Test func `another key opens none of them to a key, and the first form needs the IV`() throws {
        let wrong = try LibreChatCipher(
            key: SharedSecret(text: String(vectors.creds_key.reversed())).secret,
            iv: SharedSecret(text: vectors.creds_iv))
        let withoutIV = try LibreChatCipher(key: SharedSecret(text: vectors.creds_key).secret, iv: nil)
        for test in vectors.cases where test.plaintext.count > 20 {
            #expect(refusal { try wrong.open(Array(test.value.utf8)) }?.kind == .wouldNotOpen, "\(test.form)")
            let opened = try? withoutIV.open(Array(test.value.utf8)).text
            #expect((opened == test.plaintext) == (test.form != "v1"))
        }
    }

    @Test(arguments: [
        "", "zz", "abc", "v3:00:00", "v4:00:00", "00:00:00:00", ":", "v3::", "00112233445566778899aabbccddeeff:00",
    ])
    func `what LibreChat does not write does not open`(_ value: String) {
        #expect(refusal { try cipher.open(Array(value.utf8)) }?.kind == .wouldNotOpen)
    }

    @Test(arguments: ["", "00", String(repeating: "0", count: 62), String(repeating: "g", count: 64)])
    func `a CREDS_KEY that is none is a mistake in the settings`(_ key: String) async {
        #expect(
            await failure { try LibreChatCipher(key: SharedSecret(text: key).secret, iv: nil) }?.code == .configuration)
        let iv = SharedSecret(text: key)
        #expect(
            await failure { try LibreChatCipher(key: SharedSecret(text: vectors.creds_key).secret, iv: iv) }?.code
                == .configuration)
    }

    private func sealed(_ plaintext: String) throws -> String {
        try #require(vectors.cases.first { $0.plaintext == plaintext && $0.form == "v3" }).value
    }

    private func document(_ members: String, value: String? = nil) throws -> String {
        "{\"_id\":{\"$oid\":\"65f0\"},\"userId\":{\"$oid\":\"64aa\"},\"value\":\"\(try value ?? sealed("k"))\",\(members)}"
    }

    @Test func `documents come one a line, in an array, or laid out over lines`() async throws {
        let one = try document("\"name\":\"openAI\",\"__v\":0")
        let laidOut = one.replacing(",", with: ",\n  ").replacing("{", with: "{\n ")
        for text in [
            "\(one)\n\(one)\n", "[\(one),\(one)]", "[\n\(laidOut),\n\(laidOut)\n]\n", "\u{feff}\(one)\r\n\(one)",
        ] {
            let seen = try await see(
                try LibreChatImport(file: try files.open(text), cipher: cipher, providers: providers))
            let expected = Seen(place: "key 65f0", user: "64aa", provider: "openai", name: "default", key: "k")
            #expect(seen == [expected, expected])
        }
    }

    @Test func `a document that is none is told by its line, and the next one is read`() async throws {
        let good = try document("\"name\":\"openAI\"")
        let bad = [
            "not json", "{\"_id\": 1", "{}", "{\"userId\":{\"$oid\":\"a\"},\"name\":\"openAI\"}", "{\"a\":1,\"a\":2}",
            try document("\"name\":5"), try document("\"name\":\"openAI\",\"expiresAt\":{\"$date\":\"soon\"}"),
        ]
        for text in bad {
            let seen = try await see(
                try LibreChatImport(
                    file: try files.open("\(good)\n\(text)\n\(good)\n"), cipher: cipher, providers: providers))
            #expect(seen.map(\.key) == ["k", nil, "k"], "\(text)")
            #expect(seen[1].refusal?.kind == .refused, "\(text)")
        }
    }

    @Test func `expiry is read in each form that Extended JSON has`() async throws {
        let expected = try #require(Timestamp(parsing: "2027-03-04T05:06:07.890Z"))
        for date in [
            "{\"$date\":\"2027-03-04T05:06:07.890Z\"}", "{\"$date\":{\"$numberLong\":\"1804136767890\"}}",
            "{\"$date\":1804136767890}",
        ] {
            let text = try document("\"name\":\"openAI\",\"expiresAt\":\(date)")
            #expect(try LibreChatDocument(Array(text.utf8)).expiresAt == expected, "\(date)")
        }
        for never in ["", ",\"expiresAt\":null"] {
            #expect(try LibreChatDocument(Array(try document("\"name\":\"openAI\"\(never)").utf8)).expiresAt == nil)
        }
    }

    @Test func `endpoints become providers, the assistants named keys of their own`() throws {
        let owner = try Sample.user("a")
        func become(_ endpoint: String) -> String? {
            (try? LibreChatEndpoint.reference(endpoint, owner: owner, providers: providers)).map {
                "\($0.provider.text)/\($0.name.text)"
            }
        }
        let expected = [
            "openAI": "openai/default", "azureOpenAI": "azure-openai/default", "anthropic": "anthropic/default",
            "google": "gemini/default", "assistants": "openai/assistants", "azureAssistants": "azure-openai/assistants",
            "gptPlugins": "openai/gptPlugins", "bedrock": "bedrock/default", "Mistral": "mistral/default",
            "OpenRouter": "openrouter/default", "together.ai": "together/default", "my proxy": "groq/default",
            "chatGPTBrowser": nil, "custom": nil,
        ]
        for (endpoint, provider) in expected { #expect(become(endpoint) == provider, "\(endpoint)") }
    }

    @Test func `the key is found in each form of a value`() throws {
        func key(_ value: String) throws -> [String] {
            let key = try LibreChatEndpoint.key(in: SharedSecret(text: value), expiresAt: nil)
            return [key.key.text, key.baseURL ?? "", key.fields["resource"] ?? ""]
        }
        #expect(try key("sk-1") == ["sk-1", "", ""])
        #expect(try key(" sk-1\n") == ["sk-1", "", ""])
        #expect(try key(#"{"apiKey":"sk-1","baseURL":""}"#) == ["sk-1", "", ""])
        #expect(
            try key(#"{"apiKey":"sk-1","baseURL":"https://x.example/v1"}"#) == ["sk-1", "https://x.example/v1", ""])
        #expect(try key(#"{"GOOGLE_API_KEY":"AIza1","GOOGLE_SERVICE_KEY":{"a":1}}"#) == ["AIza1", "", ""])
        let azure = #"{"azureOpenAIApiKey":"az","azureOpenAIApiInstanceName":"unit","azureOpenAIApiVersion":"1"}"#
        #expect(try key(azure) == ["az", "", "unit"])
        let wrapped = azure.replacing("\"", with: "\\\"")
        #expect(try key("{\"apiKey\":\"\(wrapped)\",\"baseURL\":\"\"}") == ["az", "", "unit"])
        for none in [
            #"{"GOOGLE_SERVICE_KEY":{"private_key":"x"}}"#, #"{"accessKeyId":"x","secretAccessKey":"y"}"#, "{", "{}",
            #"{"apiKey":""}"#, #"{"apiKey":"{}"}"#, #"{"apiKey":5}"#,
        ] {
            #expect(refusal { try key(none) }?.kind == .refused, "\(none)")
        }
    }
}
