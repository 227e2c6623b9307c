import HTTPTypes
import LatchkeyCore
import LatchkeyCrypto
import Testing

@testable import LatchkeyServer

/// `POST /api/api-keys/{provider}/default`: two keys exchange names.
struct KeyDefaultTests {
    private let user = TokenForge.user("owner")

    private func makeDefault(
        _ service: TestService, _ json: String?, provider: String = "acme", bearer: String? = nil
    ) async throws -> Answer {
        try await service.call(
            .post, "/api/api-keys/\(provider)/default", bearer: bearer ?? user, json: json)
    }

    private func resolve(_ service: TestService, name: String? = nil) async throws -> String? {
        let name = name.map { #","name":"\#($0)""# } ?? ""
        let answer = try await service.call(
            .post, "/api/service/resolve", bearer: TestService.serviceToken,
            json: #"{"user_id":"owner","provider":"acme"\#(name)}"#)
        return answer["api_key"]?.string ?? answer.outcome
    }

    @Test func `the named key serves from now on, and the other one under its name`() async throws {
        let service = try await TestService()
        try await service.store("sk-standard-0123456789abcdef", of: "owner", label: "Private")
        try await service.store("sk-working-0123456789abcdef", of: "owner", name: "work", label: "Company")
        let answer = try await makeDefault(service, #"{"name":"work"}"#)
        #expect(answer.status == 200)
        let keys = try #require(answer["keys"]?.elements)
        #expect(keys.map { $0["name"]?.string } == ["default", "work"])
        #expect(keys.map { $0["label"]?.string } == ["Company", "Private"])
        #expect(keys.map { $0["row_version"]?.integer } == [2, 2])
        #expect(!answer.text.contains("sk-"))
        #expect(try await resolve(service) == "sk-working-0123456789abcdef")
        #expect(try await resolve(service, name: "work") == "sk-standard-0123456789abcdef")
    }

    @Test func `where there is no default, the named key becomes it and its old name is free`() async throws {
        let service = try await TestService()
        try await service.store("sk-working-0123456789abcdef", of: "owner", name: "work")
        let answer = try await makeDefault(service, #"{"name":"work"}"#)
        #expect(answer["keys"]?.elements?.map { $0["name"]?.string } == ["default"])
        #expect(try await resolve(service) == "sk-working-0123456789abcdef")
        #expect(try await resolve(service, name: "work") == "404 key_not_found")
    }

    @Test func `a key that is the default stays as it is`() async throws {
        let service = try await TestService()
        try await service.store(of: "owner")
        let before = try await service.rows(of: "owner")
        let answer = try await makeDefault(service, #"{"name":"default"}"#)
        #expect(answer["keys"]?.elements?.map { $0["row_version"]?.integer } == [1])
        #expect(try await service.rows(of: "owner") == before)
    }

    @Test func `what cannot be is refused, and nothing is changed`() async throws {
        let service = try await TestService()
        try await service.store(of: "owner")
        try await service.store(of: "owner", name: "work")
        try await service.store(of: "other", name: "theirs")
        let before = try await service.rows(of: "owner")
        for (json, provider, outcome) in [
            (#"{"name":"absent"}"#, "acme", "404 key_not_found"), (#"{"name":"theirs"}"#, "acme", "404 key_not_found"),
            (#"{"name":"Work"}"#, "acme", "404 key_not_found"), (#"{"name":"work"}"#, "openai", "404 key_not_found"),
            (#"{"name":"work"}"#, "nowhere", "404 unknown_provider"),
            (#"{"name":"work"}"#, "%2e", "404 unknown_provider"),
            (#"{"name":"a b"}"#, "acme", "400 invalid_name"), (#"{"name":""}"#, "acme", "400 invalid_name"),
            (#"{}"#, "acme", "400 missing_member"), (#"{"name":null}"#, "acme", "400 wrong_type"),
            (#"{"name":1}"#, "acme", "400 wrong_type"),
            (#"{"name":"work","user_id":"other"}"#, "acme", "400 unknown_member"),
            (#"{"name":"work","name":"work"}"#, "acme", "400 duplicate_member"), ("[]", "acme", "400 wrong_type"),
        ] {
            let answer = try await makeDefault(service, json, provider: provider)
            #expect(answer.outcome == outcome || (json.contains("user_id") && answer.status == 400), "\(json)")
        }
        #expect(try await service.rows(of: "owner") == before)
    }

    @Test func `a token for another provider does not exchange names`() async throws {
        let service = try await TestService()
        try await service.store(of: "owner", name: "work")
        let made = try await service.tokens.create(
            AccessTokenRequest(scopes: [.manage], providers: [try #require(ProviderID("openai"))]),
            of: .user(try UserID("owner")), by: Caller(.cli))
        let token = made.text.secret.withUnsafeBytes { String(decoding: $0, as: UTF8.self) }
        #expect(try await makeDefault(service, #"{"name":"work"}"#, bearer: token).outcome == "403 forbidden")
    }

    @Test func `a node that may not write does not`() async throws {
        var options = TestService.Options()
        options.isWritable = false
        let answer = try await makeDefault(TestService(options), #"{"name":"work"}"#)
        #expect(answer.outcome == "503 keyset_disagreement")
    }
}
