import Testing

@testable import LatchkeyServer

/// The three parts and their dots: one spelling per token, and a limit to its size.
struct TokenFormTests {
    private static let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")

    /// Parts that both end in a character with unused bits, so that these can be changed.
    private static func parts() -> (header: String, claims: String) {
        func padded(_ text: String) -> String {
            TokenForge.base64URL(Array((text.utf8.count % 3 == 0 ? text + " " : text).utf8))
        }
        return (padded(TokenForge.header), padded(TokenForge.claims("alice")))
    }

    /// The same bytes to a lax decoder: only the unused bits of the last character change.
    private static func bumped(_ part: String) -> String? {
        guard part.count % 4 > 1, let last = part.last, let index = alphabet.firstIndex(of: last), index & 1 == 0 else {
            return nil
        }
        return part.dropLast() + String(alphabet[index | 1])
    }

    private func accepts(_ token: String) async throws -> Bool { try await TokenVerifier.hmac().accepts(token) }

    @Test func `the token that the others are made from is accepted`() async throws {
        let (header, claims) = Self.parts()
        #expect(try await accepts(TokenForge.sign("\(header).\(claims)")))
    }

    /// A MAC over the changed text is right: only the decoder can refuse it.
    @Test func `unused bits that are not zero are refused in each part`() async throws {
        let (header, claims) = Self.parts()
        #expect(try await !accepts(TokenForge.sign("\(#require(Self.bumped(header))).\(claims)")))
        #expect(try await !accepts(TokenForge.sign("\(header).\(#require(Self.bumped(claims)))")))
        let token = TokenForge.sign("\(header).\(claims)")
        let signature = try #require(token.split(separator: ".").last)
        #expect(try await !accepts("\(header).\(claims).\(#require(Self.bumped(String(signature))))"))
    }

    @Test func `padding is refused in each part`() async throws {
        let (header, claims) = Self.parts()
        let fill = { (part: String) in part + String(repeating: "=", count: (4 - part.count % 4) % 4) }
        #expect(try await !accepts(TokenForge.sign("\(fill(header)).\(claims)")))
        #expect(try await !accepts(TokenForge.sign("\(header).\(fill(claims))")))
        #expect(try await !accepts(TokenForge.sign("\(header).\(claims)") + "="))
    }

    @Test(arguments: [" ", "\n", "\t", "=", "+", "/", "?", "%", "\u{0}", "\u{e9}", "~", ","])
    func `a character outside the alphabet is refused in each part`(character: String) async throws {
        let (header, claims) = Self.parts()
        let token = TokenForge.sign("\(header).\(claims)")
        #expect(try await !accepts(TokenForge.sign("\(header.prefix(5))\(character)\(header.dropFirst(5)).\(claims)")))
        #expect(try await !accepts(TokenForge.sign("\(header).\(claims)\(character)")))
        #expect(try await !accepts("\(header).\(claims)\(character).\(token.split(separator: ".")[2])"))
        #expect(try await !accepts(token + character))
        #expect(try await !accepts(character + token))
    }

    @Test func `the standard alphabet is refused`() async throws {
        var seen = 0
        for index in 0..<200 {
            let token = TokenForge.token(claims: #"{"sub":"u\#(index)","exp":\#(TokenForge.now + 600)}"#)
            let standard = token.replacing("-", with: "+").replacing("_", with: "/")
            guard standard != token else { continue }
            seen += 1
            #expect(try await accepts(token))
            #expect(try await !accepts(standard))
        }
        #expect(seen > 50)
    }

    @Test func `another number of parts, or an empty one, is refused`() async throws {
        let (header, claims) = Self.parts()
        let token = TokenForge.sign("\(header).\(claims)")
        let signature = token.split(separator: ".")[2]
        for wrong in [
            "", ".", "..", "...", header, "\(header).\(claims)", "\(header).\(claims).", "\(token).",
            "\(token).\(signature)",
            "\(token).a.b", ".\(claims).\(signature)", "\(header)..\(signature)", TokenForge.sign(".\(claims)"),
            TokenForge.sign("\(header)."), TokenForge.sign("."), "\(token),\(token)", "\(token) \(token)",
            "\"\(token)\"",
            #"{"payload":"\#(claims)","protected":"\#(header)","signature":"\#(signature)"}"#,
        ] {
            #expect(try await !accepts(wrong), "\(wrong)")
        }
    }

    @Test func `a signature that is cut, longer or of another token is refused`() async throws {
        let token = TokenForge.user("alice")
        let other = TokenForge.user("bob")
        let parts = token.split(separator: ".")
        #expect(try await !accepts(String(token.dropLast())))
        #expect(try await !accepts(String(token.dropLast(4))))
        #expect(try await !accepts(token + "AAAA"))
        #expect(try await !accepts("\(parts[0]).\(parts[1]).\(other.split(separator: ".")[2])"))
        #expect(try await !accepts("\(parts[0]).\(other.split(separator: ".")[1]).\(parts[2])"))
        #expect(try await !accepts("\(parts[0]).\(parts[1]).\(TokenForge.base64URL([UInt8](repeating: 0, count: 32)))"))
    }

    @Test func `every single changed bit of the signature is refused`() async throws {
        let verifier = try await TokenVerifier.hmac()
        let signed = TokenForge.token(claims: TokenForge.claims("alice")).split(separator: ".").dropLast().joined(
            separator: ".")
        let mac = TokenForge.mac(Array(signed.utf8))
        for bit in 0..<256 {
            var changed = mac
            changed[bit / 8] ^= 1 << UInt8(bit % 8)
            #expect(!verifier.accepts("\(signed).\(TokenForge.base64URL(changed))"))
        }
        #expect(verifier.accepts("\(signed).\(TokenForge.base64URL(mac))"))
    }

    /// Blanks after the claims are still JSON, so only the size is asked about.
    @Test func `a token of 8 KiB is accepted and one byte more is not`() async throws {
        let signatureLength = 44
        func token(_ size: Int) -> String? {
            let head = TokenForge.base64URL(Array(TokenForge.header.utf8)).count + 1
            let length = size - head - signatureLength
            guard length % 4 != 1 else { return nil }
            let claims = TokenForge.claims("alice")
            return TokenForge.token(
                claims: claims + String(repeating: " ", count: length * 3 / 4 - claims.utf8.count))
        }
        let atLimit = try #require(token(8192) ?? token(8191))
        #expect((8191...8192).contains(atLimit.utf8.count))
        #expect(try await accepts(atLimit))
        let over = try #require(token(8193) ?? token(8194))
        #expect((8193...8194).contains(over.utf8.count))
        #expect(try await !accepts(over))
        #expect(try await !accepts(token(1_000_001) ?? #require(token(1_000_002))))
    }
}
