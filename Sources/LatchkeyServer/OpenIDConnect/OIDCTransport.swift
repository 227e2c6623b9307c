package import AsyncHTTPClient
import LatchkeyCore
import NIOCore
import NIOHTTP1

/// One request to the provider: a GET, or a POST of a form.
package struct OIDCRequest: Sendable {
    var address: OIDCAddress
    /// `application/x-www-form-urlencoded`; nil: a GET.
    var form: String?
    /// The value of `Authorization`.
    var authorization: String?
    /// The most bytes that its answer may have.
    var limit = 256 * 1024
}

package struct OIDCAnswer: Sendable {
    var status: Int
    var body: [UInt8]
}

/// Carries requests to the provider. Follows no redirect: an answer comes from whom the settings name, or not at all.
package protocol OIDCTransport: Sendable {
    /// - Throws: `provider_unavailable`; `provider_unusable` for an answer over its limit, or that is no HTTP.
    func send(_ request: OIDCRequest) async throws(OIDCFailure) -> OIDCAnswer
}

/// Over AsyncHTTPClient, with the client that keys are checked with: TLS verified with the system's trust store, no
/// redirects, no compression.
package struct HTTPOIDCTransport: OIDCTransport {
    private let client: HTTPClient

    static let deadline: TimeAmount = .seconds(10)

    /// - Parameter client: of `HTTPProbeTransport.makeClient`; whoever made it shuts it down.
    package init(client: HTTPClient) { self.client = client }

    package func send(_ request: OIDCRequest) async throws(OIDCFailure) -> OIDCAnswer {
        var outgoing = HTTPClientRequest(url: request.address.text)
        outgoing.headers.add(name: "user-agent", value: "latchkey")
        outgoing.headers.add(name: "accept", value: "application/json")
        if let authorization = request.authorization {
            outgoing.headers.add(name: "authorization", value: authorization)
        }
        if let form = request.form {
            outgoing.method = .POST
            outgoing.headers.add(name: "content-type", value: "application/x-www-form-urlencoded")
            outgoing.body = .bytes(Array(form.utf8))
        }
        do {
            // No logger is passed: at trace level it would see the header fields.
            let response = try await client.execute(outgoing, deadline: .now() + Self.deadline)
            let body = try await response.body.collect(upTo: request.limit)
            return OIDCAnswer(status: Int(response.status.code), body: Array(body.readableBytesView))
        } catch is NIOTooManyBytesError {
            throw OIDCFailure(.providerUnusable, "the provider's answer has more than \(request.limit) bytes")
        } catch is HTTPParserError {
            throw OIDCFailure(.providerUnusable, "the provider's answer is no HTTP")
        } catch {
            throw OIDCFailure(.providerUnavailable, "the provider cannot be reached, or took too long")
        }
    }
}
