package import HTTPTypes
package import LatchkeyCore

/// The methods that are passed on.
package enum GatewayMethod {
    /// TRACE would have the provider send back the request with the key in it, CONNECT asks for a way to somewhere else,
    /// and no provider's API has others.
    ///
    /// - Throws: `method_not_allowed`.
    package static func check(_ method: HTTPRequest.Method) throws(LatchkeyError) {
        switch method {
        case .get, .head, .post, .put, .patch, .delete: return
        default:
            throw LatchkeyError(
                .methodNotAllowed, "the gateway passes on GET, HEAD, POST, PUT, PATCH and DELETE only")
        }
    }
}
