import HTTPTypes
import Hummingbird
import LatchkeyCore
import LatchkeyWeb
import Logging

/// The outermost layer: an id for the request, errors as problem documents, the header fields every answer carries.
struct Finishing: RouterMiddleware {
    let cors: CORSPolicy
    let table: RouteTable
    let web: WebPolicy

    /// `@concurrent` as Hummingbird declares it: its modules are built without our default for async calls.
    @concurrent
    func handle(
        _ request: Request, context: LatchkeyRequestContext,
        next: @concurrent (Request, LatchkeyRequestContext) async throws -> Response
    ) async throws -> Response {
        var context = context
        context.requestID = RequestID.accept(request.headers[.requestID]) ?? RequestID.make()
        var response: Response
        if request.method == .options,
            let preflight = cors.preflight(request, methods: table.methods(at: request.uri.path))
        {
            response = preflight
        } else {
            do {
                response = try await next(request, context)
            } catch {
                response = problem(error, request, context)
            }
        }
        response.headers[.requestID] = context.requestID
        // A route may say otherwise, of what is the same for everybody.
        if response.headers[.cacheControl] == nil { response.headers[.cacheControl] = "no-store" }
        response.headers[.contentTypeOptions] = "nosniff"
        if WebPolicy.covers(request.uri.path) { web.mark(&response.headers, at: request.uri.path) }
        cors.mark(&response, for: request)
        context.logger.debug(
            "answered",
            metadata: [
                "request_id": "\(context.requestID)", "method": "\(request.method.rawValue)",
                "route": "\(route(context))",
                "status": "\(response.status.code)",
            ])
        return response
    }

    /// The route's pattern, never the path: a path is the caller's text.
    private func route(_ context: LatchkeyRequestContext) -> String { context.endpointPath ?? "-" }

    private func problem(_ error: any Error, _ request: Request, _ context: LatchkeyRequestContext) -> Response {
        var error = LatchkeyError.from(error)
        var allow: String?
        if error.code == .notFound {
            let methods = table.methods(at: request.uri.path)
            // A route may itself find nothing at its path.
            if !methods.isEmpty, !methods.contains(request.method == .head ? .get : request.method) {
                allow = methods.map(\.rawValue).joined(separator: ", ")
                error = LatchkeyError(.methodNotAllowed, "this path takes \(allow ?? "")")
            }
        }
        if error.code.status >= 500 {
            context.logger.error(
                "request failed",
                metadata: [
                    "request_id": "\(context.requestID)", "code": "\(error.code.rawValue)", "reason": "\(error.reason)",
                    "route": "\(route(context))",
                ])
        } else {
            context.logger.debug(
                "request refused", metadata: ["request_id": "\(context.requestID)", "code": "\(error.code.rawValue)"])
        }
        var response = Problem(error, requestID: context.requestID).response
        // The router answers HEAD for what it finds; this was made outside it.
        if request.method == .head { response = response.createHeadResponse() }
        if let allow { response.headers[.allow] = allow }
        return response
    }
}

extension HTTPField.Name {
    private static func made(_ name: String) -> HTTPField.Name { HTTPField.Name(name) ?? .server }
    static let requestID = made("X-Request-Id")
    static let contentTypeOptions = made("X-Content-Type-Options")
    static let setupToken = made("X-Setup-Token")
}
