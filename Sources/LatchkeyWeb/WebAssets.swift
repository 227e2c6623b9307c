package import LatchkeyCore
package import NIOCore

/// The files of the pages: those that were compiled in, or the same names from a folder.
package struct WebAssets: Sendable {
    private enum Source: Sendable {
        case embedded([String: WebAsset], [WebPage: ByteBuffer])
        case folder(WebFolder)
    }

    private let source: Source

    /// Made once, on first use.
    package static let embedded = WebAssets(
        files: Dictionary(uniqueKeysWithValues: WebFile.all.map { ($0.name, $0.embedded) }))

    private init(files: [String: [UInt8]]) {
        var assets: [String: WebAsset] = [:]
        for file in WebFile.all {
            if let bytes = files[file.name] { assets[file.name] = WebAsset(file, bytes) }
        }
        let pages = WebPage.allCases.map { ($0, Self.page($0, files)) }
        source = .embedded(assets, Dictionary(uniqueKeysWithValues: pages))
    }

    /// Files from a folder, read anew for each request: for whoever works on them.
    ///
    /// - Throws: `configuration` when there is no `page.html` in it.
    package init(folder path: String) throws(LatchkeyError) { source = .folder(try WebFolder(path)) }

    /// nil for whatever is not in the list; the template of the pages is no asset.
    package func asset(_ name: String) -> WebAsset? {
        guard let file = WebFile.all.first(where: { $0.name == name }), file.kind != .page else { return nil }
        switch source {
        case .embedded(let assets, _): return assets[name]
        case .folder(let folder): return folder.read(name).map { WebAsset(file, $0) }
        }
    }

    /// The page's HTML.
    package func page(_ page: WebPage) -> ByteBuffer? {
        switch source {
        case .embedded(_, let pages):
            return pages[page]
        case .folder(let folder):
            var files: [String: [UInt8]] = [:]
            for file in WebFile.all { files[file.name] = folder.read(file.name) }
            return Self.page(page, files)
        }
    }

    private static func page(_ page: WebPage, _ files: [String: [UInt8]]) -> ByteBuffer {
        let html = PageTemplate(files["page.html"] ?? []).fill(
            page, imports: ModuleImports.closure(of: page.module, in: files))
        return ByteBuffer(string: html)
    }
}
