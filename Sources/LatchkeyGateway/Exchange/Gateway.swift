package import HTTPTypes
package import LatchkeyCore
import LatchkeyCrypto
package import Logging
package import NIOCore
import Synchronization

/// What every call through the gateway needs, put together once.
package struct Gateway: Sendable {
    package let resolver: KeyResolver
    package let authentication: any GatewayAuthentication
    package let ledger: any UsageLedger
    package let upstream: any UpstreamClient
    package let edge: any GatewayEdge
    package let limits: GatewayLimits
    package let trustedProxies: [Network]
    package let logger: Logger
    package let executors: EventLoopExecutors
    /// Header names a credential may come in: the SDKs' and those of every provider in the catalogue.
    let carriers: Set<String>
    let memory: BodyMemory
    /// The catalogue's own addresses, taken apart once; without those that have fields in them.
    private let known: [ProviderID: (baseURL: String, destination: Destination)]

    package init(
        resolver: KeyResolver, authentication: any GatewayAuthentication, ledger: any UsageLedger,
        upstream: any UpstreamClient, edge: any GatewayEdge, executors: EventLoopExecutors, logger: Logger,
        limits: GatewayLimits = GatewayLimits(), trustedProxies: [Network] = []
    ) {
        self.resolver = resolver
        self.authentication = authentication
        self.ledger = ledger
        self.upstream = upstream
        self.edge = edge
        self.executors = executors
        self.logger = logger
        self.limits = limits
        self.trustedProxies = trustedProxies
        carriers = GatewayCredential.carriers(of: resolver.vault.catalogue)
        memory = BodyMemory(limit: limits.heldBytes)
        var known: [ProviderID: (baseURL: String, destination: Destination)] = [:]
        for provider in resolver.vault.catalogue.providers where !provider.baseURL.utf8.contains(UInt8(ascii: "{")) {
            let baseURL = provider.baseURL
            let policy = resolver.vault.policy
            guard let own = try? provider.baseURL(fields: [:]), own.utf8.elementsEqual(baseURL.utf8),
                let made = try? Destination(baseURL: baseURL, provider: provider, fields: [:], policy: policy)
            else { continue }
            known[provider.id] = (baseURL, made)
        }
        self.known = known
    }

    /// Where an opened key may be sent: by its sealed address, never by a column.
    func destination(_ credential: borrowing Credential, _ provider: Provider) throws(LatchkeyError) -> Destination {
        if let known = known[provider.id], known.baseURL.utf8.elementsEqual(credential.baseURL.utf8) {
            return known.destination
        }
        return try Destination(
            baseURL: credential.baseURL, provider: provider, fields: credential.fields, policy: resolver.vault.policy)
    }
}

/// How the HTTP edge dresses what leaves it; the gateway's answers are dressed alike.
package protocol GatewayEdge: Sendable {
    func requestID(for request: HTTPRequest) -> String
    /// Any error as one of ours.
    func error(from error: any Error) -> LatchkeyError
    /// A problem document.
    func problem(_ error: LatchkeyError, requestID: String) -> (fields: HTTPFields, body: ByteBuffer)
    /// Fields that every answer carries.
    func finish(_ response: inout HTTPResponse, for request: HTTPRequest, requestID: String)
}

package struct GatewayLimits: Sendable {
    /// The largest JSON body, which is read whole before it is passed on.
    package var jsonBytes = 32 << 20
    /// What all of those together may hold.
    package var heldBytes = 512 << 20
    /// From the end of the request to the first byte of the answer.
    package var firstByte = TimeAmount.seconds(600)
    /// Between two reads of a body, either way.
    package var idle = TimeAmount.seconds(300)

    package init() {}
}

/// Counts the bytes of bodies that are held, over all connections.
final class BodyMemory: Sendable {
    private struct Used {
        var all = 0
        var byUser: [UserID: Int] = [:]
    }

    private let used = Mutex(Used())
    private let limit: Int

    init(limit: Int) { self.limit = limit }

    /// - Parameter user: gets a quarter of all at most, so that one cannot stop the others.
    func take(_ bytes: Int, of user: UserID?) -> Bool {
        used.withLock { used in
            let own = user.map { used.byUser[$0, default: 0] + bytes } ?? 0
            guard used.all + bytes <= limit, own <= limit / 4 else { return false }
            used.all += bytes
            if let user { used.byUser[user] = own }
            return true
        }
    }

    func giveBack(_ bytes: Int, of user: UserID?) {
        used.withLock { used in
            used.all -= bytes
            guard let user, let own = used.byUser[user] else { return }
            used.byUser[user] = own > bytes ? own - bytes : nil
        }
    }
}
