import HTTPTypes
import Hummingbird
import LatchkeyGateway

/// Which web origins may call from a browser: those the operator lists, compared exactly. None by default.
package struct CORSPolicy: Sendable {
    private let origins: Set<String>

    package init(origins: [String]) { self.origins = Set(origins) }

    /// The answer to a preflight of a listed origin; nil for every other request.
    func preflight(_ request: Request, methods: [HTTPRequest.Method]) -> Response? {
        guard let origin = request.headers[.origin], origins.contains(origin),
            request.headers[.accessControlRequestMethod] != nil, !methods.isEmpty
        else { return nil }
        // Each provider's client has fields of its own, and the gateway decides which go on.
        let requested = request.headers[.accessControlRequestHeaders]
        let fields =
            request.uri.path.utf8.starts(with: LatchkeyGateway.prefix.utf8) ? requested ?? Self.fields : Self.fields
        return Response(
            status: .noContent,
            headers: [
                .accessControlAllowMethods: methods.map(\.rawValue).joined(separator: ", "),
                .accessControlAllowHeaders: fields,
                .accessControlMaxAge: "600",
            ])
    }

    private static let fields = "authorization, content-type, x-request-id, x-setup-token"

    func mark(_ response: inout Response, for request: Request) {
        mark(&response.headers, for: request.headers)
    }

    func mark(_ fields: inout HTTPFields, for request: HTTPFields) {
        guard !origins.isEmpty else { return }
        // Also without an Origin: a cache must not give one origin's answer to another.
        fields[.vary] = fields[.vary].map { "\($0), Origin" } ?? "Origin"
        guard let origin = request[.origin], origins.contains(origin) else { return }
        fields[.accessControlAllowOrigin] = origin
        fields[.accessControlExposeHeaders] = "x-request-id, retry-after"
    }
}
