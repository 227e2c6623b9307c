import AsyncHTTPClient
import LatchkeyCore
import LatchkeyCrypto
import LatchkeyServer
import NIOCore
import NIOHTTP1

/// Asks a running service for the link that signs a browser in.
struct SignInLink {
    /// Where the service is: `http://127.0.0.1:8080`, `https://keys.example.com`.
    let service: String

    private static let largest = 64 * 1024

    /// - Throws: `configuration` for what is no address of a service, or one that a token may not be sent to.
    init(service: String) throws {
        // The token goes there: over TLS, or on this machine.
        guard let origin = try? OwnOrigins(publicURL: service).configured else {
            throw LatchkeyError(
                .configuration, "--url is neither https://HOST nor an address of this machine in plain http",
                hint: "write http://127.0.0.1:8080, or https://keys.example.com; no path")
        }
        self.service = origin.text
    }

    /// - Parameter token: a JWT of the user who is to be signed in.
    /// - Returns: the link; good for a minute, once.
    /// - Throws: `configuration` with what to do: no service there, another secret, no address for browsers.
    func ask(token: String) async throws -> String {
        let client = HTTPProbeTransport.makeClient()
        let result: Result<String, any Error>
        do { result = .success(try await ask(token, client)) } catch { result = .failure(error) }
        try? await client.shutdown()
        return try result.get()
    }

    private func ask(_ token: String, _ client: HTTPClient) async throws -> String {
        var request = HTTPClientRequest(url: "\(service)/api/session/codes")
        request.method = .POST
        request.headers.add(name: "authorization", value: "Bearer \(token)")
        let (status, body) = try await send(request, client)
        switch status {
        case 201: break
        case 401:
            throw LatchkeyError(
                .configuration, "the service at \(service) does not accept the token",
                hint: "run this with the service's own settings: JWT_SECRET_KEY, JWT_ALGORITHM, LATCHKEY_JWT_…")
        case 404:
            throw LatchkeyError(
                .configuration, "what answers at \(service) has no sign-in for browsers",
                hint: "is it Latchkey, and not an older one? --url names another address")
        default:
            let detail = Self.text("detail", in: body) ?? "nothing more"
            throw LatchkeyError(
                .configuration, "the service at \(service) answered \(status): \(detail)",
                hint: "its log says more")
        }
        guard let link = Self.text("url", in: body), Self.isLink(link) else {
            throw LatchkeyError(
                .configuration, "the service at \(service) answered with no link",
                hint: "is it Latchkey? --url names another address")
        }
        return link
    }

    private func send(_ request: HTTPClientRequest, _ client: HTTPClient) async throws -> (UInt, [UInt8]) {
        do {
            let response = try await client.execute(request, deadline: .now() + .seconds(10))
            let body = try await response.body.collect(upTo: Self.largest)
            return (response.status.code, Array(body.readableBytesView))
        } catch {
            throw LatchkeyError(
                .configuration, "no service answers at \(service)",
                hint:
                    "start it with `latchkey serve`; if it listens elsewhere, name it with --url http://127.0.0.1:PORT")
        }
    }

    private static func text(_ member: String, in body: [UInt8]) -> String? {
        guard case .object(let object)? = try? StrictJSON.parse(body), case .string(let text)? = object[member],
            text.bytes.allSatisfy({ (0x20...0x7E).contains($0) })
        else { return nil }
        return text.string
    }

    /// It goes to another program: nothing but what a link of ours looks like.
    static func isLink(_ text: String) -> Bool {
        let parts = text.split(separator: "/ui/sign-in#code=", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2, (try? OwnOrigins(publicURL: String(parts[0])))?.configured != nil else { return false }
        let code = Array(parts[1].utf8)
        return code.starts(with: WebSessions.codePrefix) && code.count == WebSessions.codePrefix.count + 60
            && code.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "-"):
                    true
                default: false
                }
            }
    }
}
