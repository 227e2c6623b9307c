package import AsyncHTTPClient
package import NIOCore
import NIOHTTP1
import NIOPosix

/// Probes over AsyncHTTPClient. TLS is verified with the system's trust store; there is no switch to turn that off.
package struct HTTPProbeTransport: ProbeTransport {
    private let client: HTTPClient
    private let resolver: any HostResolver

    package static let deadline: TimeAmount = .seconds(10)
    package static let maximumBody = 1 << 20

    /// - Parameter client: made by `makeClient`; whoever made it shuts it down.
    package init(client: HTTPClient, resolver: any HostResolver = SystemHostResolver()) {
        self.client = client
        self.resolver = resolver
    }

    package static func makeClient() -> HTTPClient { makeClient(dialling: [:]) }

    /// - Parameter addresses: host names, and where each is dialled instead of asking for its address.
    private static func makeClient(dialling addresses: [String: String]) -> HTTPClient {
        var configuration = HTTPClient.Configuration(
            redirectConfiguration: .disallow,
            timeout: .init(connect: .seconds(5), read: .seconds(10)),
            // A compressed answer could be far larger than what was read of it.
            decompression: .disabled)
        configuration.httpVersion = .http1Only
        configuration.dnsOverride = addresses
        return HTTPClient(eventLoopGroup: MultiThreadedEventLoopGroup.singleton, configuration: configuration)
    }

    package func send(_ request: ProbeRequest) async throws(ProbeTransportError) -> ProbeResponse {
        guard request.mustBePublic else { return try await send(request, to: request.url, over: client) }
        let (url, host, address) = try await publicPlace(request.url)
        // A client of its own: whoever asked for the address again could get another than the one that was judged.
        let own = Self.makeClient(dialling: [host: address])
        let result: Result<ProbeResponse, ProbeTransportError>
        do { result = .success(try await send(request, to: url, over: own)) } catch { result = .failure(error) }
        try? await own.shutdown()
        return try result.get()
    }

    /// The URL with its host in lower case, that host, and one address of it.
    ///
    /// - Throws: `network` when it has none or one that is not public: what a name leads to is not told.
    private func publicPlace(
        _ url: String
    ) async throws(ProbeTransportError) -> (url: String, host: String, address: String) {
        let address = url.prefix { $0 != "?" }
        guard let parts = ProviderAddress.parts(of: String(address)), parts.isTLS else { throw .network }
        let port = parts.authority.port ?? 443
        let host = parts.authority.host
        let found: [NetworkAddress] =
            if let literal = parts.authority.address { [literal] } else {
                await resolver.networkAddresses(of: host, port: port)
            }
        guard found.allSatisfy(AddressPolicy.isPublic), let first = found.first,
            let text = (try? SocketAddress(first, port: port))?.ipAddress
        else { throw .network }
        return ("https://\(host):\(port)\(parts.path)\(url[address.endIndex...])", host, text)
    }

    private func send(
        _ request: ProbeRequest, to url: String, over client: HTTPClient
    ) async throws(ProbeTransportError) -> ProbeResponse {
        var outgoing = HTTPClientRequest(url: url)
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
