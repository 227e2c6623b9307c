import HTTPTypes
import Hummingbird
package import LatchkeyCore
package import NIOCore

/// An error as the caller sees it: an RFC 9457 problem document with a stable `code`, and `detail` for a person.
package struct Problem: Sendable {
    package let error: LatchkeyError
    package let requestID: String

    package init(_ error: LatchkeyError, requestID: String) {
        self.error = error
        self.requestID = requestID
    }

    package static let contentType = "application/problem+json"

    /// One body for every cause of a 401: who asks learns only that it did not work.
    package static let unauthorized = LatchkeyError(.unauthorized, "a valid bearer token is required")

    package var body: ByteBuffer {
        var writer = JSONWriter()
        writer.object { writer in
            writer.member("type", "urn:latchkey:error:\(error.code.rawValue)")
            writer.member("title", error.code.title)
            writer.member("status", Int64(error.code.status))
            writer.member("code", error.code.rawValue)
            writer.member("detail", error.hint.map { "\(error.reason); \($0)" } ?? error.reason)
            writer.member("request_id", requestID)
        }
        return writer.buffer
    }

    var fields: HTTPFields {
        var fields: HTTPFields = [.contentType: Self.contentType]
        if error.code.status == 401 { fields[.wwwAuthenticate] = "Bearer" }
        if let seconds = error.retryAfter { fields[.retryAfter] = "\(seconds)" }
        return fields
    }

    var response: Response {
        Response(
            status: HTTPResponse.Status(code: error.code.status), headers: fields, body: ResponseBody(byteBuffer: body))
    }
}

extension LatchkeyError {
    /// Any error as one of ours. What is not known is `internal`, and says nothing of its cause to the caller.
    static func from(_ error: any Error) -> LatchkeyError {
        switch error {
        case let error as LatchkeyError: error
        case let error as HTTPError:
            switch error.status.code {
            case 404: LatchkeyError(.notFound, "there is nothing at this path")
            case 413: LatchkeyError(.bodyTooLarge, "the body is too large")
            case 400..<500: LatchkeyError(.invalidRequest, "the request cannot be read")
            default: LatchkeyError(.internalError, "something went wrong here; the request id finds it in the log")
            }
        default: LatchkeyError(.internalError, "something went wrong here; the request id finds it in the log")
        }
    }
}
