import LatchkeyCore
import Testing

struct URLAuthorityTests {
    @Test(
        arguments: [
            ("allowed.example", "allowed.example", nil), ("ALLOWED.Example:8443", "allowed.example", 8443),
            ("xn--caf-dma.example", "xn--caf-dma.example", nil), ("localhost:1", "localhost", 1),
            ("a_b.example:65535", "a_b.example", 65535), ("127.0.0.1:443", "127.0.0.1", 443),
            ("1.2.3.4.5x", "1.2.3.4.5x", nil),
        ] as [(String, String, Int?)])
    func `what is read in one way`(text: String, host: String, port: Int?) throws {
        let authority = try #require(URLAuthority(text))
        #expect(authority.host == host)
        #expect(authority.port == port)
    }

    @Test func `four decimals are an address, a name is none`() {
        #expect(URLAuthority("169.254.169.254")?.address?.bytes == [169, 254, 169, 254])
        #expect(URLAuthority("0.0.0.0:443")?.address?.bytes == [0, 0, 0, 0])
        #expect(URLAuthority("allowed.example")?.address == nil)
    }

    @Test(arguments: [
        "", ":", ":443", "allowed.example:", "allowed.example:0", "allowed.example:0443", "allowed.example:65536",
        "allowed.example:443:443", "allowed.example:+443", "allowed.example:99999999999999999999", "allowed.example:x",
        "allowed.example.", ".allowed.example", "allowed..example", ".", "-a.example", "a-.example", "a b.example",
        "user@allowed.example", "user:pass@allowed.example", "allowed.example\\evil.example", "allowed.example%2eevil",
        "allowed.example\0", "caf\u{e9}.example", "\u{212A}ube.example", "allowed\u{3002}example", "ａllowed.example",
        "[::1]", "[::1]:443", "[::ffff:169.254.169.254]", "::1", "{x}.example", "a/b", "a?b", "a#b",
        String(repeating: "a", count: 64) + ".example", Array(repeating: "abcdefgh", count: 29).joined(separator: "."),
        // One address, 169.254.169.254, and 127.0.0.1, in spellings of `inet_aton` and of browsers.
        "2852039166", "0xa9fea9fe", "0xA9.0xFE.0xA9.0xFE", "0251.0376.0251.0376", "169.254.43518", "169.16689662",
        "169.254.169.0376", "169.254.169.254.", "169.254.169.256", "127.1", "127.0.1", "0", "0x", "0x7f.1",
        "017700000001",
        "1.2.3", "1.2.3.4.5", "1.2.3.04.5", "1.2.x.3.4", "01.2.3.4", "1.2.3.04", "allowed.example.1",
        "allowed.example.0x1",
    ])
    func `what could be read in two ways is refused`(text: String) {
        #expect(URLAuthority(text) == nil)
    }
}
