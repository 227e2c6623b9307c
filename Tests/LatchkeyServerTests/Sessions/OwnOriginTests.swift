import HTTPTypes
import Hummingbird
import LatchkeyCore
import NIOCore
import Testing

@testable import LatchkeyServer

/// Which origin is taken for our own.
struct OwnOriginTests {
    private func request(_ host: String?, _ fields: HTTPFields = [:]) -> Request {
        Request(
            head: HTTPRequest(method: .get, scheme: "http", authority: host, path: "/", headerFields: fields),
            body: RequestBody(buffer: ByteBuffer()))
    }

    @Test(arguments: [
        "127.0.0.1", "127.0.0.1:8080", "127.0.0.1:1", "localhost", "localhost:65535", "[::1]", "[::1]:8080",
    ])
    func `without a configured one this machine's names are`(host: String) throws {
        let origin = try OwnOrigins(publicURL: nil).origin(of: request(host))
        #expect(origin == OwnOrigin(text: "http://\(host)", isSecure: false))
    }

    /// A page at such a name may be somebody's who made the name point to this machine.
    @Test(arguments: [
        nil, "", "evil.example", "evil.example:8080", "localhost.evil.example", "127.0.0.1.evil.example", "127.0.0.2",
        "0.0.0.0", "0.0.0.0:8080", "127.1", "2130706433", "0x7f.0.0.1", "::1", "[::]", "[::1].evil.example", "[::1%lo]",
        "[::ffff:127.0.0.1]", "LOCALHOST", "localhost.", "localhost:", "localhost:x", "localhost:80x", "localhost:080",
        "localhost:123456", "localhost:8080:8080", "user@localhost", "localhost@evil.example", "localhost/",
        "xlocalhost", "127.0.0.1:8080,evil.example",
    ])
    func `and no other`(host: String?) throws {
        #expect(try OwnOrigins(publicURL: nil).origin(of: request(host)) == nil)
    }

    @Test func `a second Host makes it nobody's`() throws {
        #expect(try OwnOrigins(publicURL: nil).origin(of: request("localhost", [.host: "localhost"])) == nil)
    }

    @Test(arguments: ["localhost", "evil.example", nil])
    func `a configured one does not depend on the request`(host: String?) throws {
        let origins = try OwnOrigins(publicURL: "https://keys.example")
        #expect(origins.origin(of: request(host)) == OwnOrigin(text: "https://keys.example", isSecure: true))
    }

    @Test func `it is written as browsers write it`() throws {
        for (given, text, isSecure) in [
            ("https://keys.example", "https://keys.example", true),
            ("https://Keys.Example", "https://keys.example", true),
            ("https://keys.example:443", "https://keys.example", true),
            ("https://keys.example:8443", "https://keys.example:8443", true),
            ("https://10.0.0.7", "https://10.0.0.7", true),
            ("http://127.0.0.1:8080", "http://127.0.0.1:8080", false), ("http://localhost", "http://localhost", false),
        ] {
            #expect(try OwnOrigins(publicURL: given).configured == OwnOrigin(text: text, isSecure: isSecure))
        }
    }

    @Test(arguments: [
        "", "keys.example", "https://", "https:/keys.example", "HTTPS://keys.example", "http://keys.example",
        "http://10.0.0.7", "ftp://keys.example", "https://keys.example/", "https://keys.example/ui",
        "https://keys.example?x", "https://keys.example#x", "https://user@keys.example", "https://keys.example:",
        "https://keys.example:0", "https://keys.example:99999", "https://keys.example, https://b.example",
        "https://*.example", "https://keys.example ", "https://caf\u{e9}.example", "null", "*",
    ])
    func `what is no site with TLS is refused at start`(given: String) {
        #expect(throws: LatchkeyError.self) { try OwnOrigins(publicURL: given) }
    }
}
