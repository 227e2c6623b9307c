package import HTTPTypes
package import LatchkeyCore
import LatchkeyGateway
package import NIOCore

/// The gateway's answers carry what every answer carries.
package struct ServerEdge: GatewayEdge {
    private let cors: CORSPolicy

    package init(cors: CORSPolicy) { self.cors = cors }

    package func requestID(for request: HTTPRequest) -> String {
        RequestID.accept(request.headerFields[.requestID]) ?? RequestID.make()
    }

    package func error(from error: any Error) -> LatchkeyError { LatchkeyError.from(error) }

    package func problem(_ error: LatchkeyError, requestID: String) -> (fields: HTTPFields, body: ByteBuffer) {
        let problem = Problem(error, requestID: requestID)
        return (problem.fields, problem.body)
    }

    package func finish(_ response: inout HTTPResponse, for request: HTTPRequest, requestID: String) {
        response.headerFields[.requestID] = requestID
        response.headerFields[.cacheControl] = "no-store"
        response.headerFields[.contentTypeOptions] = "nosniff"
        cors.mark(&response.headerFields, for: request.headerFields)
    }
}
