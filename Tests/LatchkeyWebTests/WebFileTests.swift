import Crypto
import Foundation
import NIOCore
import Testing

@testable import LatchkeyWeb

/// The folder, Package.swift and `WebFile.all` have the same names, and what is served is what lies in the folder.
struct WebFileTests {
    private static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()
    private static let folder = root.appending(path: "Sources/LatchkeyWeb/Assets")

    private static let names = WebFile.all.map(\.name)

    @Test func `the list has each file of the folder, once`() throws {
        let files = try FileManager.default.contentsOfDirectory(atPath: Self.folder.path)
        #expect(Self.names.sorted() == files.sorted())
    }

    @Test func `Package.swift embeds what is in the list, in its order`() throws {
        let package = try String(contentsOf: Self.root.appending(path: "Package.swift"), encoding: .utf8)
        let embedded = package.matches(of: /\.embedInCode\("Assets\/([^"]+)"\)/).map { String($0.1) }
        #expect(embedded == Self.names)
    }

    @Test func `each file is embedded under its own name, byte for byte`() throws {
        for file in WebFile.all {
            let bytes = [UInt8](try Data(contentsOf: Self.folder.appending(path: file.name)))
            #expect(file.embedded == bytes, "\(file.name)")
        }
    }

    @Test func `a tag is the digest of the bytes, another for the compressed ones`() throws {
        for file in WebFile.all where file.kind != .page {
            let asset = try #require(WebAssets.embedded.asset(file.name))
            let digest = SHA256.hash(data: file.embedded).map { String(format: "%02x", $0) }.joined()
            #expect(asset.plain.tag == "\"\(digest.prefix(32))\"")
            #expect(asset.plain.body == ByteBuffer(bytes: file.embedded))
            if let compressed = asset.compressed {
                #expect(compressed.tag != asset.plain.tag && compressed.body.readableBytes < file.embedded.count)
            }
        }
    }

    @Test func `the template is no file for browsers, and no other name is one`() {
        for name in ["page.html", "", ".", "..", "../Package.swift", "style.css/", "STYLE.CSS", "style.css\0", "%73"] {
            #expect(WebAssets.embedded.asset(name) == nil, "\(name)")
        }
    }

    @Test func `modules for other pages import nothing of ours that is not for other pages`() {
        let sources = Dictionary(uniqueKeysWithValues: WebFile.all.map { ($0.name, $0.embedded) })
        for file in WebFile.all where file.isImportable {
            for imported in ModuleImports.closure(of: file.name, in: sources) {
                #expect(WebFile.all.contains { $0.name == imported && $0.isImportable }, "\(file.name): \(imported)")
            }
        }
    }
}
