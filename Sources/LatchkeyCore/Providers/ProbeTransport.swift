/// One HTTP exchange with a provider. The protocol is the seam at which tests replace the outside world.
package protocol ProbeTransport: Sendable {
    /// No redirects, a body of at most 1 MiB.
    /// - Throws: `ProbeTransportError`, which holds nothing of the request.
    func send(_ request: ProbeRequest) async throws(ProbeTransportError) -> ProbeResponse
}

package struct ProbeRequest: Sendable {
    package var method: String
    package var url: String
    /// One of them holds the key: never log this.
    package var headers: [(name: String, value: String)]
    package var body: String?
    /// A user chose the host: it is asked only if all its addresses are public, and at one of those.
    package var mustBePublic: Bool

    package init(
        method: String, url: String, headers: [(name: String, value: String)], body: String?, mustBePublic: Bool
    ) {
        self.method = method
        self.url = url
        self.headers = headers
        self.body = body
        self.mustBePublic = mustBePublic
    }
}

package struct ProbeResponse: Sendable {
    package var status: Int
    package var body: [UInt8]

    package init(status: Int, body: [UInt8]) {
        self.status = status
        self.body = body
    }
}

package enum ProbeTransportError: String, Error, Sendable {
    case timeout
    case network = "network_error"
    case answerTooLarge = "answer_too_large"
    case unreadable = "unreadable_answer"
}
