import HTTPTypes
import Hummingbird
import LatchkeyCore
package import LatchkeyWeb
import NIOCore

/// What the browser pages are made of, and what a browser is told of them.
package struct WebParts: Sendable {
    package var assets: WebAssets
    package var policy: WebPolicy

    package init(assets: WebAssets = .embedded, policy: WebPolicy = .closed) {
        self.assets = assets
        self.policy = policy
    }
}

/// Latchkey's own pages and their files, below `/ui/`. Nothing in them is anybody's: they ask the API for that.
struct WebRoutes: Sendable {
    let assets: WebAssets

    func add(to table: inout RouteTable) {
        table.add(.get, "/ui", .anyone, first)
        table.add(.get, "/ui/:name", .anyone, file)
    }

    /// `/ui` and `/ui/` are one path to the router, and two to a browser that looks for what a page names beside it.
    @Sendable private func first(_ request: Request, _ context: LatchkeyRequestContext) async throws -> Response {
        guard request.uri.path != "/ui" else {
            return Response(status: .permanentRedirect, headers: [.location: "/ui/"])
        }
        return try page(.keys)
    }

    @Sendable private func file(_ request: Request, _ context: LatchkeyRequestContext) async throws -> Response {
        // As it was sent, nothing decoded: a name that is written another way is another name.
        let name = request.uri.path.split(separator: "/").last.map(String.init) ?? ""
        if let found = WebPage(path: name) { return try page(found) }
        guard let asset = assets.asset(name) else { throw Self.nothing }
        return Self.answer(asset, request)
    }

    private func page(_ page: WebPage) throws -> Response {
        guard let html = assets.page(page) else { throw Self.nothing }
        return Response(
            status: .ok, headers: [.contentType: "text/html; charset=utf-8"], body: ResponseBody(byteBuffer: html))
    }

    private static func answer(_ asset: WebAsset, _ request: Request) -> Response {
        let isCompressed = asset.compressed != nil && takesGzip(request.headers[.acceptEncoding] ?? "")
        let chosen = isCompressed ? asset.compressed ?? asset.plain : asset.plain
        // A browser keeps it, and asks whether it still is the same: after an upgrade no page meets old files.
        var headers: HTTPFields = [.eTag: chosen.tag, .cacheControl: "no-cache", .vary: "Accept-Encoding"]
        if asset.isImportable { headers[.crossOriginResourcePolicy] = "cross-origin" }
        if request.headers[values: .ifNoneMatch].contains(where: { matches($0, chosen.tag) }) {
            return Response(status: .notModified, headers: headers)
        }
        headers[.contentType] = asset.contentType
        if isCompressed { headers[.contentEncoding] = "gzip" }
        return Response(status: .ok, headers: headers, body: ResponseBody(byteBuffer: chosen.body))
    }

    /// Tags are compared weakly here (RFC 9110, section 13.1.2). None of ours holds a comma.
    private static func matches(_ field: String, _ tag: String) -> Bool {
        field.split(separator: ",").contains { given in
            let given = given.filter { $0 != " " && $0 != "\t" }
            return given == "*" || given == tag || (given.hasPrefix("W/") && given.dropFirst(2) == tag)
        }
    }

    /// Whether `gzip` is among the codings, and not with a weight of nothing.
    private static func takesGzip(_ field: String) -> Bool {
        field.split(separator: ",").contains { coding in
            let parts = coding.lowercased().split(separator: ";").map { $0.filter { $0 != " " && $0 != "\t" } }
            guard parts.first == "gzip" else { return false }
            return !parts.dropFirst().contains {
                $0.hasPrefix("q=0") && $0.dropFirst(3).allSatisfy { ".0".contains($0) }
            }
        }
    }

    private static let nothing = LatchkeyError(.notFound, "there is nothing at this path")
}
