package import AsyncHTTPClient
package import NIOCore
import NIOHTTP1
import NIOPosix

/// Probes over AsyncHTTPClient. TLS is verified with the system's trust store; there is no switch to turn that off.
package struct HTTPProbeTransport: ProbeTransport {
    private let client: HTTPClient

    package static let deadline: TimeAmount = .seconds(10)
    package static let maximumBody = 1 << 20

    /// - Parameter client: made by `makeClient`; whoever made it shuts it down.
    package init(client: HTTPClient) { self.client = client }

    package static func makeClient() -> HTTPClient {
        var configuration = HTTPClient.Configuration(
            redirectConfiguration: .disallow,
            timeout: .init(connect: .seconds(5), read: .seconds(10)),
            // A compressed answer could be far larger than what was read of it.
            decompression: .disabled)
        configuration.httpVersion = .http1Only
        return HTTPClient(eventLoopGroup: MultiThreadedEventLoopGroup.singleton, configuration: configuration)
    }

    package func send(_ request: ProbeRequest) async throws(ProbeTransportError) -> ProbeResponse {
        var outgoing = HTTPClientRequest(url: request.url)
        outgoing.method = HTTPMethod(rawValue: request.method)
        for (name, value) in request.headers { outgoing.headers.add(name: name, value: value) }
        outgoing.headers.add(name: "user-agent", value: "latchkey")
        outgoing.headers.add(name: "accept", value: "application/json")
        if let body = request.body {
            outgoing.headers.add(name: "content-type", value: "application/json")
            outgoing.body = .bytes(Array(body.utf8))
        }
        do {
            // No logger is passed: at trace level it would see the header fields.
            let response = try await client.execute(outgoing, deadline: .now() + Self.deadline)
            let body = try await response.body.collect(upTo: Self.maximumBody)
            return ProbeResponse(status: Int(response.status.code), body: Array(body.readableBytesView))
        } catch is NIOTooManyBytesError {
            throw .answerTooLarge
        } catch is HTTPParserError {
            throw .unreadable
        } catch let error as HTTPClientError {
            switch error {
            case .deadlineExceeded, .readTimeout, .connectTimeout, .getConnectionFromPoolTimeout, .writeTimeout:
                throw .timeout
            default: throw .network
            }
        } catch {
            throw .network
        }
    }
}
