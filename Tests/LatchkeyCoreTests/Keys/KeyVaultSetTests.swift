import LatchkeyCore
import LatchkeyCrypto
import LatchkeyTesting
import Testing

/// Storing a key: what is kept, what is said about it, and what is never lost.
struct KeyVaultSetTests {
    private let store = ModelStore()
    private let fixture: VaultFixture
    private let reference: KeyReference

    init() throws {
        fixture = try VaultFixture(store: store)
        reference = try Sample.reference(.user(alice), "acme")
    }

    @Test func `a key is stored sealed, and opens again`() async throws {
        let row = try await fixture.set(label: "at work", of: .user(alice))
        #expect(try await store.key(reference) == row)
        #expect(try await fixture.open(reference).secret == VaultFixture.key)
        #expect(row.verdict == .valid)
        #expect(row.evidence == Evidence(httpStatus: 200, checkedAt: Sample.time, decisive: true))
        #expect(row.lastValidated == Sample.time)
        #expect(row.nextCheckAt == Sample.time.advanced(bySeconds: 24 * 3600))
        #expect(row.keyHint == "wxyz")
        #expect(row.label == "at work")
        #expect(row.baseURL == "http://127.0.0.1:9/v1")
        #expect(row.sealed.kid == 1)
        #expect(row.sealed.rowVersion == 1)
        // Nothing of the key stands anywhere in the row, but for its hint.
        #expect(!"\(row)".contains(VaultFixture.key.dropLast(4)))
        #expect(!"\(try await fixture.events())".contains("0123456789"))
    }

    @Test func `a set is one event with the row's version, in the row's transaction`() async throws {
        try await fixture.set(of: .user(alice))
        try await fixture.set(validate: false, of: .user(alice))
        try await fixture.set(of: .global)
        let expected: [(KeyOwner, UInt64, String)] = [
            (.user(alice), 1, "valid"), (.user(alice), 2, "unknown"), (.global, 1, "valid"),
        ]
        #expect(
            try await fixture.events()
                == expected.map { owner, version, verdict in
                    AuditEvent(
                        at: Sample.time, actor: .service, action: .keySet, owner: owner, provider: reference.provider,
                        name: .default, rowVersion: version, detail: verdict, requestID: "request-1")
                })
    }

    @Test func `a set again keeps created_at and raises the version`() async throws {
        let first = try await fixture.set(label: "old", of: .user(alice))
        fixture.clock.advance(seconds: 60)
        let second = try await fixture.set(key: "acme-another-key-0123456789", of: .user(alice))
        #expect(second.createdAt == first.createdAt)
        #expect(second.updatedAt == first.updatedAt.advanced(bySeconds: 60))
        #expect(second.sealed.rowVersion == 2)
        #expect(second.sealed.salt != first.sealed.salt)
        #expect(second.keyHash != first.keyHash)
        #expect(second.label == nil)
        #expect(try await fixture.open(reference).secret == "acme-another-key-0123456789")
        // The old record under the new version, or put back as it was, is another matter: neither opens as the new row.
        var replayed = second
        replayed.sealed.token = first.sealed.token
        let row = replayed
        #expect(await code { _ = try await fixture.vault.sealing.open(row, as: reference) } == .integrity)
    }

    @Test func `equal keys of one owner have one hash, of two owners two`() async throws {
        let one = try await fixture.set(name: "one", of: .user(alice))
        let two = try await fixture.set(name: "two", of: .user(alice))
        let bobs = try await fixture.set(of: .user(bob))
        let everybodys = try await fixture.set(of: .global)
        let elsewhere = try await fixture.set("beta", of: .user(alice))
        #expect(one.keyHash == two.keyHash)
        #expect(Set([one, bobs, everybodys, elsewhere].map(\.keyHash)).count == 4)
    }

    @Test func `a version that cannot grow is an integrity error, and nothing changes`() async throws {
        try await fixture.set(of: .user(alice))
        for version in [UInt64(Int64.max), UInt64.max] {
            try await fixture.tamper(reference) { $0.sealed.rowVersion = version }
            let before = try await store.key(reference)
            #expect(await code { try await fixture.set(of: .user(alice)) } == .integrity)
            #expect(try await store.key(reference) == before)
        }
    }

    // MARK: Checks

    private static let troubles: [(ScriptedTransport.Answer, String)] = [
        (.failure(.timeout), "timeout"), (.failure(.network), "network_error"),
        (.failure(.answerTooLarge), "answer_too_large"), (.failure(.unreadable), "unreadable_answer"),
        (.response(500, "oops"), "provider_error"), (.response(503, ""), "provider_error"),
        (.response(408, ""), "provider_error"), (.response(200, "<html>log in</html>"), "unreadable_answer"),
        (.response(302, ""), "unexpected_status"), (.response(404, "{}"), "unexpected_status"),
        (.bytes(200, [0xFF, 0xFE]), "unreadable_answer"),
    ]

    @Test(arguments: 0..<troubles.count)
    func `a check that cannot be made never loses the key`(index: Int) async throws {
        let (answer, expected) = Self.troubles[index]
        fixture.transport.answer(answer)
        let row = try await fixture.set(of: .user(alice))
        #expect(row.verdict == .unknown)
        #expect(row.evidence.code == expected)
        #expect(!row.evidence.decisive)
        #expect(row.lastValidated == nil)
        #expect(row.nextCheckAt == Sample.time.advanced(bySeconds: 900))
        #expect(try await fixture.open(reference).secret == VaultFixture.key)
    }

    @Test(arguments: Self.troubles.indices)
    func `no answer is no refusal, even where a valid key is required`(index: Int) async throws {
        fixture.transport.answer(Self.troubles[index].0)
        try await fixture.set(requireValid: true, of: .user(alice))
        #expect(try await fixture.secret(of: reference) == VaultFixture.key)
    }

    @Test func `a deadline that passes loses no key`() async throws {
        let fixture = try VaultFixture(
            store: store, transport: ScriptedTransport(.never), deadline: .milliseconds(20))
        let row = try await fixture.set(of: .user(alice))
        #expect(row.verdict == .unknown)
        #expect(row.evidence.code == "timeout")
        #expect(try await fixture.secret(of: reference) == VaultFixture.key)
    }

    @Test func `a refused key is stored with its verdict`() async throws {
        fixture.transport.answer(.response(401, #"{"error":{"code":"invalid_api_key"}}"#))
        let row = try await fixture.set(of: .user(alice))
        #expect(row.verdict == .invalid)
        #expect(row.evidence.code == "invalid_api_key")
        #expect(row.lastValidated == Sample.time)
        #expect(try await fixture.secret(of: reference) == VaultFixture.key)
    }

    @Test func `a refused key is not stored where a valid one is required`() async throws {
        try await fixture.set(key: "acme-the-old-key-0123456789", of: .user(alice))
        let before = try await store.key(reference)
        for (status, body, verdict) in [(401, "{}", "invalid"), (403, #"{"error":"region"}"#, "blocked")] {
            fixture.transport.answer(.response(status, body))
            #expect(await code { try await fixture.set(requireValid: true, of: .user(alice)) } == .keyRefused)
            #expect(try await store.key(reference) == before)
            let event = try #require(try await fixture.events().last)
            #expect(event.action == .keySet)
            #expect(event.outcome == "key_refused")
            #expect(event.detail == verdict)
            #expect(event.rowVersion == nil)
        }
        #expect(try await store.keyCount(.user) == 1)
    }

    @Test(arguments: [200, 402, 403, 418, 429])
    func `what counts as valid is stored where a valid key is required`(status: Int) async throws {
        fixture.transport.answer(.response(status, "{}"))
        let row = try await fixture.set(requireValid: true, of: .user(alice))
        #expect(row.verdict.isValid)
    }

    @Test func `without a check nobody is asked`() async throws {
        let row = try await fixture.set(validate: false, of: .user(alice))
        #expect(fixture.transport.requests.isEmpty)
        #expect(row.verdict == .unknown)
        #expect(row.evidence == Evidence())
        #expect(row.lastValidated == nil)
    }

    @Test func `a provider without a probe is never checked`() async throws {
        let row = try await fixture.set("silent", of: .user(alice))
        #expect(fixture.transport.requests.isEmpty)
        #expect(row.verdict == .unknown)
        #expect(row.nextCheckAt == nil)
    }

    @Test func `an odd key is stored, with a remark`() async throws {
        for (key, count) in [("acme-0123456789", 0), ("other-0123456789", 1), ("acme-admin-0123456789", 1)] {
            let request = SetKeyRequest(provider: "acme", key: SharedSecret(text: key))
            let (row, warnings) = try await fixture.vault.set(request, of: .user(alice), by: service)
            #expect(warnings.count == count)
            #expect(warnings.allSatisfy { !$0.contains("0123456789") })
            #expect(row.verdict == .valid)
        }
    }

    // MARK: Expiry

    @Test func `an expiry is sealed to the second, and the column says the same`() async throws {
        let expiry = Timestamp(microseconds: Sample.time.microseconds + 3_600_999_999)
        let row = try await fixture.set(expiresAt: expiry, of: .user(alice))
        #expect(row.expiresAt == Sample.time.advanced(bySeconds: 3600))
        _ = try await fixture.open(reference)
    }

    @Test(arguments: [Int64(0), -1, -3600, -1_767_225_600, .min])
    func `an expiry that has passed is refused and nothing changes`(seconds: Int64) async throws {
        let expiry = Sample.time.advanced(bySeconds: seconds)
        #expect(await code { try await fixture.set(expiresAt: expiry, of: .user(alice)) } == .invalidExpiry)
        #expect(try await fixture.events().isEmpty)
        #expect(try await store.keyCount(.user) == 0)
        #expect(fixture.transport.requests.isEmpty)
    }

    /// Less than a second ahead is in the past once it is cut to whole seconds.
    @Test func `a key that is stored has not expired already`() async throws {
        let expiry = Timestamp(microseconds: Sample.time.microseconds + 1)
        let row = try? await fixture.set(expiresAt: expiry, of: .user(alice))
        #expect(row == nil || row?.verdict(at: Sample.time) != .expired)
    }

    /// The column can hold the years 1 to 9999 only.
    @Test func `a key with an expiry out of all years opens again or is refused`() async throws {
        let stored = await code { try await fixture.set(expiresAt: Timestamp(microseconds: .max), of: .user(alice)) }
        let opened = await code { try await fixture.open(reference) }
        #expect(stored == .invalidExpiry || opened == nil)
    }
}
