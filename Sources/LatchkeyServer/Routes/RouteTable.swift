import HTTPTypes
package import Hummingbird
import LatchkeyCore
import LatchkeyGateway

/// Every route, once: the router is filled from it, 405 answers are made from it, and tests walk it.
package struct RouteTable: Sendable {
    /// Who may call a route. `page`: a page of ours, whoever is signed in.
    package enum Access: String, Sendable, CaseIterable { case anyone, page, user, setup, service, admin, gateway }

    package struct Route: Sendable {
        package let method: HTTPRequest.Method
        /// Hummingbird's form: `/api/api-keys/:provider`.
        package let path: String
        package let access: Access
        let handler: @Sendable (Request, LatchkeyRequestContext) async throws -> Response
    }

    package private(set) var routes: [Route] = []

    mutating func add(
        _ method: HTTPRequest.Method, _ path: String, _ access: Access,
        _ handler: @escaping @Sendable (Request, LatchkeyRequestContext) async throws -> Response
    ) {
        routes.append(Route(method: method, path: path, access: access, handler: handler))
    }

    /// The gateway's requests are taken out in front of the router (`GatewayHandler`); here they are only known of.
    mutating func addGateway() {
        for method in [HTTPRequest.Method.get, .post, .put, .patch, .delete] {
            add(method, "\(LatchkeyGateway.prefix):provider/:path", .gateway) { _, _ in
                throw LatchkeyError(.notFound, "there is no gateway here")
            }
        }
    }

    func register(in router: Router<LatchkeyRequestContext>) {
        for route in routes where route.access != .gateway {
            router.on(RouterPath(route.path), method: route.method) { request, context in
                try await route.handler(request, context)
            }
        }
    }

    /// The methods that the path takes; empty for a path that does not exist.
    ///
    /// A literal segment shadows a parameter in its place, and the router does not come back from it: what lies below
    /// `/api/api-keys/validate` is not looked for below `/api/api-keys/:provider`.
    func methods(at path: String) -> [HTTPRequest.Method] {
        if path.utf8.starts(with: LatchkeyGateway.prefix.utf8) {
            return routes.filter { $0.access == .gateway }.map(\.method)
        }
        var candidates = routes.map { (route: $0, parts: Self.segments($0.path)) }
        let segments = Self.segments(path)
        for (index, segment) in segments.enumerated() {
            candidates = candidates.filter { index < $0.parts.count }
            let literal = candidates.filter { $0.parts[index] == segment }
            candidates = literal.isEmpty ? candidates.filter { $0.parts[index].hasPrefix(":") } : literal
        }
        var methods: [HTTPRequest.Method] = []
        for (route, parts) in candidates where parts.count == segments.count && !methods.contains(route.method) {
            methods.append(route.method)
        }
        return methods
    }

    private static func segments(_ path: String) -> [Substring] { path.split(separator: "/") }
}
