import LatchkeyTesting
import Testing

@testable import LatchkeyServer

/// When a token begins and ends to be good. The clock stands at `TokenForge.now` unless it is moved.
struct TokenTimeTests {
    private static let now = TokenForge.now

    private func accepts(_ members: String, minutes: Int64 = 60) async throws -> Bool {
        try await TokenVerifier.hmac(minutes: minutes).accepts(TokenForge.token(claims: #"{"sub":"alice"\#(members)}"#))
    }

    @Test func `a token without exp and without iat is refused`() async throws {
        #expect(try await !accepts(""))
        #expect(try await !accepts(#","nbf":1"#))
        #expect(try await !accepts(#","EXP":\#(Self.now + 600)"#))
    }

    @Test(arguments: [(1, true), (0, false), (-1, false), (600, true), (-60, false)] as [(Int64, Bool)])
    func `a token is good until the second of its exp, without any leeway`(offset: Int64, isGood: Bool) async throws {
        #expect(try await accepts(#","exp":\#(Self.now + offset)"#) == isGood)
    }

    @Test(arguments: [
        "\"1767229200\"", "null", "true", "[1767229200]", "{}", "1767229200.5", "-1", "-1767229200", "0", "1e400",
        "-1e400",
        "9223372036854775808", "18446744073709551616", "18446744075476781216", "-9223372036854775809",
        String(repeating: "9", count: 400), "NaN", "Infinity", "01767229200", "+1767229200", "0xffffffff",
        "\"2999-01-01T00:00:00Z\"",
    ])
    func `an exp that is no whole number of seconds to come is refused`(value: String) async throws {
        #expect(try await !accepts(#","exp":\#(value)"#))
        // Nor does an iat mend it.
        #expect(try await !accepts(#","exp":\#(value),"iat":\#(Self.now)"#))
    }

    @Test func `the farthest exp does not overflow`() async throws {
        #expect(try await accepts(#","exp":9223372036854775807"#))
    }

    @Test(arguments: [
        #""exp":1,"exp":1767229200"#, #""exp":1767229200,"exp":1"#, #""exp":1767229200,"\u0065xp":1767229200"#,
    ])
    func `two exp are refused, whichever comes first`(members: String) async throws {
        #expect(try await !accepts(",\(members)"))
    }

    @Test(arguments: [(-3599, true), (-3600, false), (0, true), (-3601, false), (60, true)] as [(Int64, Bool)])
    func `without exp a token lives for the configured minutes after its iat`(offset: Int64, isGood: Bool) async throws
    {
        #expect(try await accepts(#","iat":\#(Self.now + offset)"#) == isGood)
    }

    @Test func `minutes and iat that cannot be added up are refused`() async throws {
        #expect(try await !accepts(#","iat":\#(Self.now)"#, minutes: .max))
        #expect(try await !accepts(#","iat":\#(Self.now)"#, minutes: Int64.max / 60))
        #expect(try await !accepts(#","iat":9223372036854775807"#))
        #expect(try await !accepts(#","iat":0"#))
    }

    @Test func `with exp the minutes do not count`() async throws {
        #expect(try await accepts(#","iat":1,"exp":\#(Self.now + 1)"#))
        #expect(try await !accepts(#","iat":\#(Self.now),"exp":\#(Self.now)"#))
    }

    @Test(arguments: ["iat", "nbf"])
    func `iat and nbf may be 60 seconds ahead and no more`(claim: String) async throws {
        for (offset, isGood) in [(60, true), (61, false), (0, true), (-1000, true), (3600, false)] as [(Int64, Bool)] {
            let members = #","exp":\#(Self.now + 7200),"\#(claim)":\#(Self.now + offset)"#
            #expect(try await accepts(members) == isGood, "\(offset)")
        }
        for value in ["\"0\"", "null", "1.5", "true", "[]", "9223372036854775808", "-1", "9223372036854775807"] {
            #expect(try await !accepts(#","exp":\#(Self.now + 7200),"\#(claim)":\#(value)"#), "\(value)")
        }
    }

    @Test func `the leeway is the configured one`() async throws {
        for (leeway, isGood) in [(0, false), (1, true)] as [(Int64, Bool)] {
            let verifier = try await TokenVerifier.hmac { $0.leeway = leeway }
            let claims = #"{"sub":"a","exp":\#(Self.now + 60),"iat":\#(Self.now + 1)}"#
            #expect(verifier.accepts(TokenForge.token(claims: claims)) == isGood)
        }
    }

    @Test func `a token that was good ends as the clock moves, and one to come begins`() async throws {
        let clock = TestClock()
        let verifier = try await TokenVerifier.hmac(clock: clock)
        let ending = TokenForge.token(claims: #"{"sub":"a","exp":\#(Self.now + 100)}"#)
        let coming = TokenForge.token(claims: #"{"sub":"a","exp":\#(Self.now + 1000),"nbf":\#(Self.now + 160)}"#)
        #expect(verifier.accepts(ending))
        #expect(!verifier.accepts(coming))
        clock.advance(seconds: 99)
        #expect(verifier.accepts(ending))
        #expect(!verifier.accepts(coming))
        clock.advance(seconds: 1)
        #expect(!verifier.accepts(ending))
        #expect(verifier.accepts(coming))
    }
}
