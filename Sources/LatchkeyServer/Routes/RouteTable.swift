import HTTPTypes
package import Hummingbird

/// Every route, once: the router is filled from it, 405 answers are made from it, and tests walk it.
package struct RouteTable: Sendable {
    /// Who may call a route.
    package enum Access: String, Sendable, CaseIterable { case anyone, user, setup, service }

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

    func register(in router: Router<LatchkeyRequestContext>) {
        for route in routes {
            router.on(RouterPath(route.path), method: route.method) { request, context in
                try await route.handler(request, context)
            }
        }
    }

    /// The methods that the path takes; empty for a path that does not exist.
    func methods(at path: String) -> [HTTPRequest.Method] {
        let segments = Self.segments(path)
        // The literal route shadows the one with a parameter, as it does in the router.
        let exact = routes.filter { Self.segments($0.path).elementsEqual(segments) }
        let matching = exact.isEmpty ? routes.filter { Self.matches($0.path, segments) } : exact
        var methods: [HTTPRequest.Method] = []
        for route in matching where !methods.contains(route.method) { methods.append(route.method) }
        return methods
    }

    private static func segments(_ path: String) -> [Substring] { path.split(separator: "/") }

    private static func matches(_ pattern: String, _ segments: [Substring]) -> Bool {
        let parts = Self.segments(pattern)
        return parts.count == segments.count && zip(parts, segments).allSatisfy { $0.hasPrefix(":") || $0 == $1 }
    }
}
