import HTTPTypes
import LatchkeyCore
import LatchkeyGateway
import Testing

struct GatewayCredentialTests {
    private let carriers: Set<String>

    init() throws { carriers = GatewayCredential.carriers(of: try DestinationFixture().catalogue) }

    private func find(_ pairs: [(String, String)]) throws -> String {
        let bytes = try GatewayCredential.find(in: httpFields(pairs), catalogue: carriers)
        return String(decoding: bytes, as: UTF8.self)
    }

    @Test func `each carrier holds the credential, and each scheme is one word before it`() throws {
        #expect(carriers.isSuperset(of: ["authorization", "x-api-key", "api-key", "x-goog-api-key", "xi-api-key"]))
        #expect(carriers.contains("x-odd-key"))
        for name in carriers.flatMap({ [$0, $0.uppercased()] }) {
            for value in ["T.o-k_1", "Bearer T.o-k_1", "bearer T.o-k_1", "TOKEN T.o-k_1", "Key T.o-k_1"] {
                #expect(try find([("accept", "*/*"), (name, value)]) == "T.o-k_1", "\(name): \(value)")
            }
        }
    }

    @Test func `two of them are refused, in every pair, the same one twice and both alike`() async {
        for first in carriers {
            for second in carriers {
                for value in ["one", "two", ""] {
                    #expect(
                        await code { try find([(first, "one"), ("x-between", "x"), (second, value)]) } == .unauthorized)
                }
            }
        }
    }

    @Test(arguments: [
        "", "Bearer ", "Bearer  x", "Bearer x y", "Bearer x, Bearer y", "Basic dXNlcjpwYXNz", "Bearer\tx", "Beare` x",
        "B\u{5}arer x", "Bearer caf\u{e9}", "Digest username=\"x\"", " ",
    ])
    func `what is no credential`(value: String) async {
        #expect(await code { try find([("Authorization", value)]) } == .unauthorized, "\(value)")
    }

    @Test func `none, too long a one, and one where nobody looks`() async throws {
        #expect(await code { try find([]) } == .unauthorized)
        #expect(await code { try find([("Cookie", "authorization=x"), ("x_api_key", "x")]) } == .unauthorized)
        let longest = String(repeating: "a", count: GatewayCredential.maximumBytes)
        #expect(try find([("x-api-key", longest)]) == longest)
        #expect(await code { try find([("x-api-key", longest + "a")]) } == .unauthorized)
    }
}
