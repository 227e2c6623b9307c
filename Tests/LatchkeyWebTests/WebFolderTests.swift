import Foundation
import LatchkeyCore
import NIOCore
import Testing

@testable import LatchkeyWeb

/// Files from a folder, for whoever works on them.
struct WebFolderTests {
    private func withFolder(_ body: (URL) throws -> Void) throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("latchkey-web-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        try Data("<title>{{title}}</title>{{preloads}}".utf8).write(to: folder.appending(path: "page.html"))
        try body(folder)
    }

    @Test func `what is in the folder is served as it is now`() throws {
        try withFolder { folder in
            let assets = try WebAssets(folder: folder.path)
            #expect(assets.asset("style.css") == nil)
            for text in ["a{}", "", String(repeating: "b{}\n", count: 10_000)] {
                try Data(text.utf8).write(to: folder.appending(path: "style.css"))
                #expect(assets.asset("style.css").map { String(buffer: $0.plain.body) } == text)
            }
            try Data("import './shell.js';".utf8).write(to: folder.appending(path: "page-usage.js"))
            #expect(assets.page(.usage).map { String(buffer: $0) } == "<title>Usage</title>")
            try Data().write(to: folder.appending(path: "shell.js"))
            #expect(assets.page(.usage).map { String(buffer: $0) }?.contains("/ui/shell.js") == true)
        }
    }

    @Test func `there is no way out of the folder, and only listed names are in it`() throws {
        try withFolder { folder in
            let inside = folder.appending(path: "inside")
            try FileManager.default.createDirectory(at: inside, withIntermediateDirectories: true)
            try Data("{{title}}".utf8).write(to: inside.appending(path: "page.html"))
            try Data("secret".utf8).write(to: folder.appending(path: "style.css"))
            try Data("secret".utf8).write(to: inside.appending(path: "other.js"))
            let assets = try WebAssets(folder: inside.path)
            for name in ["../style.css", "..", ".", "", "other.js", "page.html", "/etc/passwd", "style.css"] {
                #expect(assets.asset(name) == nil, "\(name)")
            }
        }
    }

    @Test func `what is no regular file is not read`() throws {
        try withFolder { folder in
            let assets = try WebAssets(folder: folder.path)
            try FileManager.default.createDirectory(
                at: folder.appending(path: "shell.js"), withIntermediateDirectories: true)
            #expect(mkfifo(folder.appending(path: "charts.js").path, 0o600) == 0)
            #expect(assets.asset("shell.js") == nil)
            // Would wait for ever for somebody to write into it.
            #expect(assets.asset("charts.js") == nil)
        }
    }

    @Test func `a folder without the template is refused`() throws {
        for path in ["/nonexistent/latchkey", "", "/"] {
            #expect(throws: LatchkeyError.self) { try WebAssets(folder: path) }
        }
    }
}
