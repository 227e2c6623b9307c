import LatchkeyCore
import LatchkeyCrypto
import LatchkeyTesting
import Testing

/// What a provider's answer says about a key.
struct ProbeReadingTests {
    private let fixture: VaultFixture

    init() throws { fixture = try VaultFixture(store: ModelStore()) }

    private func read(
        _ status: Int, _ body: String, provider: String = "acme", key: String = VaultFixture.key
    ) async throws -> ProbeOutcome {
        fixture.transport.answer(.response(status, body))
        let provider = try fixture.provider(provider)
        return await fixture.vault.probe.check(
            provider, baseURL: provider.baseURL, secret: SharedSecret(text: key))
    }

    @Test(
        arguments: [
            (200, "{}", Verdict.valid), (204, "{}", .valid), (401, "{}", .invalid), (401, "<html>", .invalid),
            (402, "{}", .noCredit), (403, "{}", .restricted), (403, "{\"region\":1}", .blocked), (418, "", .retiring),
            (419, "", .retiring), (429, "{}", .rateLimited), (420, "{}", nil), (404, "{}", nil), (302, "{}", nil),
            (500, "{}", nil), (408, "", nil), (599, "", nil), (100, "", nil), (0, "", nil),
        ] as [(Int, String, Verdict?)])
    func `statuses and the entry's own rules`(status: Int, body: String, verdict: Verdict?) async throws {
        let outcome = try await read(status, body)
        #expect(outcome.verdict == verdict)
        #expect(outcome.httpStatus == status)
    }

    @Test(arguments: [
        "<html><body>Please log in to the hotel's network</body></html>", "", " ", "OK", "{", "{}x", "\u{feff}{}",
        "{\"a\":1,\"a\":2}",
    ])
    func `a page on 200 is a captive portal's, not the provider's`(body: String) async throws {
        #expect(try await read(200, body) == .postponed("unreadable_answer", httpStatus: 200))
        // This one is content with anything.
        #expect(try await read(200, body, provider: "beta").verdict == .valid)
    }

    @Test(
        arguments: [
            (#"{"error":{"code":"bad_key"}}"#, "bad_key"), (#"{"error":{"type":"bad-key"}}"#, "bad-key"),
            (#"{"error":{"code":7,"status":"X.Y"}}"#, "X.Y"), (#"{"detail":{"status":"gone"}}"#, "gone"),
            (#"{"code":"top"}"#, "top"), (#"{"type":"top"}"#, "top"), (#"{"error":"text"}"#, nil), ("[]", nil),
            (#"{"code":"with blank"}"#, nil), (#"{"code":""}"#, nil), (#"{"code":"<b>"}"#, nil),
            (#"{"code":"caf\u00e9"}"#, nil), (#"{"code":"a\nb"}"#, nil), ("no json", nil),
        ] as [(String, String?)])
    func `the provider's code, when it is a safe word`(body: String, expected: String?) async throws {
        #expect(try await read(401, body).code == expected)
    }

    @Test func `a code that echoes the key is dropped`() async throws {
        let key = "acme-0123456789abcdef"
        let echoes = [key, "0123456", "456789", "bad_key_\(key)", "x\(key.prefix(6))", "\(key.suffix(6)).x"]
        for echo in echoes {
            for status in [401, 403, 404, 429] {
                let outcome = try await read(status, #"{"error":{"code":"\#(echo)"}}"#, key: key)
                #expect(outcome.code.map { !key.contains($0) && !$0.contains("0123") && $0 != echo } ?? true, "\(echo)")
            }
        }
        #expect(try await read(401, #"{"code":"01234_bad"}"#, key: key).code == "01234_bad")
        // A short key is looked for as a whole.
        #expect(try await read(401, #"{"code":"bad_abc"}"#, key: "abc").code == nil)
    }

    @Test(arguments: Verdict.allCases)
    func `too many requests and postponed checks never change what is decided`(current: Verdict) {
        #expect(ProbeOutcome(verdict: nil).applied(to: current) == current)
        let limited = ProbeOutcome(verdict: .rateLimited, httpStatus: 429)
        #expect(!limited.isDecisive)
        #expect(limited.applied(to: current) == (current == .unknown ? .rateLimited : current))
        for verdict in Verdict.allCases where verdict != .rateLimited {
            #expect(ProbeOutcome(verdict: verdict).isDecisive)
            #expect(ProbeOutcome(verdict: verdict).applied(to: current) == verdict)
        }
    }

    @Test func `the key goes into its header, and nowhere else`() async throws {
        for (id, header, value) in [
            ("acme", "Authorization", "Bearer \(VaultFixture.key)"), ("beta", "x-beta-key", VaultFixture.key),
        ] {
            _ = try await read(200, "{}", provider: id)
            let request = try #require(fixture.transport.requests.last)
            #expect(request.headers.filter { $0.value.contains(VaultFixture.key) }.map(\.name) == [header])
            #expect(request.headers.last?.value == value)
            #expect(!request.url.contains("0123456789"))
            #expect(request.body?.contains("0123456789") != true)
        }
    }
}
