import Foundation
import LatchkeyTesting
import Testing

@testable import LatchkeyServer

/// Where somebody is sent after signing in: the open redirect that every sign-in has until somebody looks.
struct PagePathTests {
    @Test(arguments: [
        "/ui/", "/ui/usage", "/ui/activity?before=abc&limit=50", "/ui/admin?state=failing", "/ui/setup",
        "/ui/usage?from=2026-11-01T00:00:00Z&to=a,b", "/ui/security?x=%2F%2Fevil.example",
    ])
    func `a page of ours is taken as it is`(path: String) {
        #expect(PagePath(path.utf8)?.text == path)
    }

    @Test(arguments: [
        "", "/", "//", "ui/usage", "https://evil.example/ui/", "//evil.example/ui/", "/\\evil.example", "/ui",
        "/ui//evil.example", "/ui/\\evil.example", "/ui/..//evil.example", "/ui/../api/session", "/ui/./usage",
        "/ui/%2e%2e/api", "/ui/%2E./api", "/ui/..%2fapi", "/ui/%5c%5cevil.example", "/ui/..;/api", "/ui/usage#x",
        "/ui/usage?x=\\", "/ui/usage?x=#", "/ui/usage\r\nSet-Cookie: a=b", "/ui/usage?x=\n", "/ui/\u{0}", "/ui/\t",
        " /ui/", "/ui/ ", "/UI/usage", "/ui/usage?x=/", "/ui/usage?x=https://evil.example", "/ui/@evil.example",
        "/ui/oidc/start", "/ui/oidc/callback?code=a", "/ui/oidc", "javascript:alert(1)", "data:text/html,x",
        "/api/session", "/gateway/openai/v1", "/ui/ｕsage", "/ui/．．/api",
    ])
    func `whatever else it is, it is none`(path: String) {
        #expect(PagePath(path.utf8) == nil)
    }

    @Test func `one that is too long is none`() {
        #expect(PagePath("/ui/".utf8 + [UInt8](repeating: 0x61, count: PagePath.maximumBytes - 4)) != nil)
        #expect(PagePath("/ui/".utf8 + [UInt8](repeating: 0x61, count: PagePath.maximumBytes - 3)) == nil)
    }

    /// Of any text, what is taken leads, by another reader of URLs, to our own host and below `/ui/`.
    @Test func `what is taken stays below our own pages for another reader too`() throws {
        var random = SeededGenerator(seed: 41)
        let pieces = [
            "/ui/", "ui", "/", "//", "\\", ".", "..", "%2e", "%2f", "%5c", "evil.example", ":", "@", "?", "#", "usage",
            ";", "&", "=", "\t", "\n", "a", "~", "%", "https:", "+", "*", "(",
        ]
        let origin = try #require(URL(string: "https://keys.example.com"))
        var taken = 0
        for _ in 0..<50_000 {
            let tail = (0..<Int.random(in: 0...5, using: &random)).compactMap { _ in
                pieces.randomElement(using: &random)
            }
            let text = (Bool.random(using: &random) ? "/ui/" : "") + tail.joined()
            guard let path = PagePath(text.utf8) else { continue }
            taken += 1
            let url = try #require(URL(string: path.text, relativeTo: origin)?.standardized.absoluteURL, "\(text)")
            #expect(
                url.host() == "keys.example.com" && url.path().hasPrefix("/ui/") && url.scheme == "https", "\(text)")
            #expect(!path.text.contains("//") && !path.text.contains("\\"), "\(text)")
        }
        #expect(taken > 1000)
    }
}
