import HTTPTypes
import LatchkeyCore
import NIOCore
import Testing

@testable import LatchkeyWeb

/// Pages, made of the template and constants.
struct PageTests {
    private func html(_ page: WebPage) throws -> String {
        String(buffer: try #require(WebAssets.embedded.page(page)))
    }

    @Test(arguments: WebPage.allCases)
    func `every field of the template is filled, and the page's own module is there`(page: WebPage) throws {
        let html = try html(page)
        #expect(!html.contains("{{") && !html.contains("}}"))
        #expect(html.contains(#"<script type="module" src="/ui/page-\#(page.rawValue).js"></script>"#))
        #expect(html.contains(#"<link rel="stylesheet" href="/ui/style.css">"#))
        #expect(WebFile.all.contains { $0.name == "page-\(page.rawValue).js" })
    }

    /// What the policy would refuse must not be there: it would only be missing.
    @Test(arguments: WebPage.allCases)
    func `nothing of a page stands in it: no script, no style, no address elsewhere`(page: WebPage) throws {
        let html = try html(page)
        for match in html.matches(of: /<script\b[^>]*>(.*?)<\/script>/.dotMatchesNewlines()) {
            #expect(match.1.isEmpty && match.0.contains("src=\"/ui/"))
        }
        #expect(!html.contains("<style") && !html.contains(/\sstyle=/) && !html.contains(/\son[a-z]+=/))
        for match in html.matches(of: /(?:src|href)="([^"]*)"/) {
            // The link that skips what every page begins with stays on its page.
            #expect(match.1.hasPrefix("/ui/") || match.1 == "#main", "\(match.1)")
        }
    }

    @Test func `what a module imports is told with the page, and nothing is told twice`() throws {
        let sources: [String: [UInt8]] = [
            "a.js": Array("import { x } from \"./b.js\";\nimport {\n  y,\n} from '/ui/c.js';\nimport \"./d.js\";".utf8),
            "b.js": Array("import { z } from \"./c.js\";\nexport { w } from \"./e.js\"; import('./f.js');".utf8),
            "c.js": Array("import \"./a.js\"; import 'https://elsewhere.example/x.js'; import \"./missing.js\";".utf8),
            "d.js": [], "e.js": [], "f.js": [],
        ]
        #expect(ModuleImports.closure(of: "a.js", in: sources) == ["b.js", "c.js", "d.js", "e.js"])
        #expect(ModuleImports.closure(of: "f.js", in: sources) == [])
    }

    @Test func `what stands in the template's fields is text`() {
        #expect(PageTemplate.escape(#"<a href="x">&'é"#) == "&lt;a href=&quot;x&quot;&gt;&amp;&#39;é")
        let filled = PageTemplate(Array("<p>{{title}}|{{page}}|{{module}}|{{preloads}}</p>".utf8))
            .fill(.signIn, imports: ["a.js", "b\".js"])
        #expect(
            filled == """
                <p>Sign in|sign-in|page-sign-in.js|<link rel="modulepreload" href="/ui/a.js">
                <link rel="modulepreload" href="/ui/b&quot;.js"></p>
                """)
    }

    @Test func `a page's address is its name, and the first has none`() {
        for page in WebPage.allCases { #expect(WebPage(path: page.path) == page) }
        for path in ["keys", "Usage", "usage/", "../usage", "sign_in", "signIn", "embed.html"] {
            #expect(WebPage(path: path) == nil, "\(path)")
        }
    }
}

/// Who may show `/ui/embed` in a frame.
struct FrameAncestorTests {
    private func policy(_ origins: [String], at path: String) throws -> String? {
        var fields = HTTPFields()
        try WebPolicy(frameAncestors: origins).mark(&fields, at: path)
        return fields[.contentSecurityPolicy]
    }

    @Test func `origins are named to the browser, for that page alone`() throws {
        let origins = ["https://app.example.com", "http://127.0.0.1:3000", "self"]
        let embed = try #require(try policy(origins, at: "/ui/embed"))
        #expect(embed.contains("frame-ancestors https://app.example.com http://127.0.0.1:3000 'self';"))
        for path in ["/ui", "/ui/", "/ui/usage", "/ui/embed/", "/ui/embed.js", "/ui/nothing"] {
            #expect(try #require(try policy(origins, at: path)).contains("frame-ancestors 'none';"), "\(path)")
        }
        #expect(try #require(try policy([], at: "/ui/embed")).contains("frame-ancestors 'none';"))
    }

    @Test(arguments: [
        "*", "https:", "https://", "app.example.com", "https://*.example.com", "https://app.example.com/",
        "https://app.example.com; script-src *", "https://a.example b.example", "'none'", "'self'", "none", "data:",
        "https://app.example.com:", "https://app.example.com:0x50", "https://app.example.com:99999",
        "https://A.example",
        "https://user@app.example.com", "https://app.example.com?", "javascript:alert(1)", "https://caf\u{e9}.example",
        "https://app.example.com\n", "\"https://app.example.com\"",
    ])
    func `what is no origin is refused at start`(origin: String) {
        #expect(throws: LatchkeyError.self) { try WebPolicy(frameAncestors: ["https://ok.example", origin]) }
    }

    @Test func `a field that the route has set stays`() throws {
        var fields: HTTPFields = [.crossOriginResourcePolicy: "cross-origin"]
        WebPolicy.closed.mark(&fields, at: "/ui/latchkey-keys.js")
        #expect(fields[values: .crossOriginResourcePolicy] == ["cross-origin"])
        #expect(fields[.referrerPolicy] == "no-referrer")
    }

    @Test func `the policy is for what lies below ui`() {
        for path in ["/ui", "/ui/", "/ui/x", "/ui/oidc/start"] { #expect(WebPolicy.covers(path), "\(path)") }
        for path in ["", "/", "/uix", "/api/ui/", "/u", "/UI/"] { #expect(!WebPolicy.covers(path), "\(path)") }
    }
}
