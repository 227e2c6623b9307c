import HTTPTypes
import LatchkeyCore
import LatchkeyCrypto
import LatchkeyTesting
import Testing

/// What an answer says about a key: its members, and never the key.
struct KeyAnswerTests {
    private static let key = "sk-never-shown-0123456789-WXYZ"

    private func names(_ value: JSONValue?) -> [String] {
        guard case .object(let object)? = value else { return [] }
        return object.names
    }

    private func set(_ service: TestService, _ more: String = "", key: String = key) async throws -> Answer {
        try await service.call(
            .post, "/api/api-keys/set", bearer: TokenForge.user("alice"),
            json: #"{"provider":"acme","api_key":"\#(key)"\#(more)}"#)
    }

    @Test func `a key object has the members of the contract, and its key in none`() async throws {
        let service = try await TestService()
        let answer = try await set(service, #","label":"mine \"quoted\"","expires_at":"2027-01-01T00:00:00Z""#)
        #expect(
            names(answer[]) == [
                "provider", "name", "label", "kind", "key_hint", "has_key", "is_valid", "verdict", "evidence",
                "last_validated", "expires_at", "base_url", "created_at", "updated_at", "last_used_at", "row_version",
            ])
        #expect(names(answer["evidence"]) == ["http_status", "code", "checked_at", "decisive"])
        #expect(answer["label"]?.string == #"mine "quoted""#)
        #expect(answer["key_hint"]?.string == "WXYZ")
        #expect(answer["has_key"]?.boolean == true)
        #expect(answer["is_valid"]?.boolean == true)
        #expect(answer["verdict"]?.string == "valid")
        #expect(answer["evidence", "http_status"]?.integer == 200)
        #expect(answer["expires_at"]?.string == "2027-01-01T00:00:00Z")
        #expect(answer["created_at"]?.string == "2026-01-01T00:00:00Z")
        #expect(answer["row_version"]?.integer == 1)
        #expect(!answer.text.contains("never-shown"))
    }

    @Test func `a key of an odd form is stored with a warning`() async throws {
        let service = try await TestService()
        #expect(try await set(service)["warnings"] == nil)
        let odd = try await set(service, key: "0123456789-another-form")
        #expect(odd.status == 200)
        #expect(odd["warnings"]?.elements?.count == 1)
        #expect(odd["row_version"]?.integer == 2)
    }

    @Test func `validate false asks nobody, and the check can be made up for`() async throws {
        let service = try await TestService()
        let unchecked = try await set(service, #","validate":false"#)
        #expect(unchecked["verdict"]?.string == "unknown")
        #expect(unchecked["evidence", "http_status"]?.isNull == true)
        #expect(unchecked["last_validated"]?.isNull == true)
        let checked = try await service.call(.post, "/api/api-keys/validate/acme", bearer: TokenForge.user("alice"))
        #expect(checked["verdict"]?.string == "valid")
        #expect(checked["row_version"]?.integer == 1)
        #expect(!checked.text.contains("never-shown"))
    }

    @Test func `a refused key is stored as invalid, or with require_valid not at all`() async throws {
        let service = try await TestService()
        let refused = try await set(service, #","require_valid":true"#, key: "sk-revoked-0123456789")
        #expect(refused.outcome == "422 key_refused")
        #expect(!refused.text.contains("sk-revoked"))
        #expect(try await service.rows(of: "alice").isEmpty)
        let stored = try await set(service, key: "sk-revoked-0123456789")
        #expect(stored["verdict"]?.string == "invalid")
        #expect(stored["is_valid"]?.boolean == false)
        #expect(try await service.rows(of: "alice").count == 1)
    }

    @Test func `a provider that cannot be reached keeps nobody from storing`() async throws {
        let service = try await TestService()
        let answer = try await set(service, #","require_valid":true"#, key: "sk-unreachable-0123456789")
        #expect(answer.status == 200)
        #expect(answer["verdict"]?.string == "unknown")
        #expect(answer["evidence", "code"]?.string == "network_error")
        #expect(answer["evidence", "decisive"]?.boolean == false)
    }

    @Test func `a node without the primary root says so instead of storing, and reads on`() async throws {
        let service = try await TestService(TestService.Options(isWritable: false))
        #expect(try await set(service).outcome == "503 keyset_disagreement")
        let initial = try await service.call(
            .post, "/api/api-keys/set-initial", bearer: TestService.setupToken,
            json: #"{"provider":"acme","api_key":"\#(Self.key)","finish":true}"#)
        #expect(initial.outcome == "503 keyset_disagreement")
        #expect(try await !service.gate.isFinished())
        let status = try await service.call(.get, "/api/api-keys/status", bearer: TokenForge.user("alice"))
        #expect(status["keys"]?.elements?.isEmpty == true)
    }

    @Test func `status says for every provider which key would serve, and why`() async throws {
        let service = try await TestService(
            TestService.Options(environment: ["ACME_API_KEY": "sk-environment-0123456789"]))
        func serving() async throws -> [String?] {
            let status = try await service.call(.get, "/api/api-keys/status", bearer: TokenForge.user("alice"))
            #expect(names(status[]) == ["user_id", "keys", "providers", "global_fallback"])
            #expect(names(status["providers"]) == service.vault.catalogue.providers.map(\.id.text))
            #expect(!status.text.contains("sk-"))
            let acme = status["providers", "acme"]
            #expect(names(acme) == ["source", "name", "verdict", "is_valid", "reason"])
            return [acme?["source"]?.string, acme?["name"]?.string, acme?["verdict"]?.string]
        }
        #expect(try await serving() == ["environment", nil, nil])
        try await service.store("sk-global-0123456789", of: nil)
        #expect(try await serving() == ["global", "default", "valid"])
        try await service.store("sk-revoked-0123456789", of: "alice")
        #expect(try await serving() == ["user", "default", "invalid"])
        _ = try await service.call(.delete, "/api/api-keys/acme", bearer: TokenForge.user("alice"))
        _ = try await service.call(
            .put, "/api/api-keys/settings", bearer: TokenForge.user("alice"), json: #"{"global_fallback":false}"#)
        #expect(try await serving() == ["none", nil, nil])
    }

    @Test func `a key past its expiry is expired everywhere, whatever the last check said`() async throws {
        let service = try await TestService()
        _ = try await set(service, #","expires_at":\#(TokenForge.now + 100)"#)
        service.clock.advance(seconds: 100)
        let status = try await service.call(.get, "/api/api-keys/status", bearer: TokenForge.user("alice"))
        #expect(status["keys"]?.elements?.first?["verdict"]?.string == "expired")
        #expect(status["keys"]?.elements?.first?["is_valid"]?.boolean == false)
        #expect(status["providers", "acme", "verdict"]?.string == "expired")
    }

    @Test func `the catalogue is there for everybody and holds what a form needs`() async throws {
        let service = try await TestService()
        let answer = try await service.call(.get, "/api/api-keys/providers")
        #expect(names(answer[]) == ["catalogue_date", "providers"])
        let providers = try #require(answer["providers"]?.elements)
        #expect(providers.compactMap { $0["id"]?.string } == service.vault.catalogue.providers.map(\.id.text))
        let forms = try #require(providers.first { $0["id"]?.string == "forms" })
        #expect(names(forms) == ["id", "name", "base_url", "docs_url", "keys_url", "patterns", "fields", "env"])
        #expect(forms["fields"]?.elements?.map { $0["name"]?.string } == ["region", "note"])
        #expect(forms["fields"]?.elements?.map { $0["required"]?.boolean } == [true, false])
    }
}
