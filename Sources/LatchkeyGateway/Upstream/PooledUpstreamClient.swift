package import LatchkeyCore
package import NIOCore
package import NIOHTTP1
package import NIOSSL

/// Calls over connections of our own on the caller's event loop: no change of thread from socket to socket, and the
/// addresses that were judged are the ones dialled (docs/decisions/009-gateway.md).
package final class PooledUpstreamClient: UpstreamClient {
    private let pools: [ObjectIdentifier: NIOLoopBoundBox<UpstreamPool?>]
    private let loops: [any EventLoop]
    private let dialer: UpstreamDialer
    private let resolver: AddressResolver
    private let limits: UpstreamLimits

    /// - Parameters:
    ///   - certificates: further roots that providers' certificates may come from, PEM; beside the system's.
    package init(
        group: any EventLoopGroup, resolver: AddressResolver, certificates: [NIOSSLCertificate] = [],
        limits: UpstreamLimits = UpstreamLimits()
    ) throws {
        loops = Array(group.makeIterator())
        pools = Dictionary(
            uniqueKeysWithValues: loops.map {
                (ObjectIdentifier($0), NIOLoopBoundBox.makeEmptyBox(valueType: UpstreamPool.self, eventLoop: $0))
            })
        var tls = TLSConfiguration.makeClientConfiguration()
        tls.minimumTLSVersion = .tlsv12
        tls.applicationProtocols = ["h2", "http/1.1"]
        if !certificates.isEmpty { tls.additionalTrustRoots = [.certificates(certificates)] }
        dialer = UpstreamDialer(tls: try NIOSSLContext(configuration: tls), timeout: limits.connecting)
        self.resolver = resolver
        self.limits = limits
    }

    package func call(
        _ head: HTTPRequestHead, to destination: Destination, of user: UserID, receiver: any UpstreamReceiver,
        on loop: any EventLoop, isFresh: Bool
    ) async throws -> any UpstreamCall {
        let origin = pool(of: loop).origin(destination)
        let handler: UpstreamHandler
        if !isFresh, let idle = origin.take(for: user) {
            handler = idle
        } else if let stream = origin.stream(for: user), let opened = try? await stream.loopBound(loop) {
            handler = opened
        } else {
            handler = try await origin.wait(
                for: destination, user: user, isFresh: isFresh, onWait: receiver.upstreamWaits)
        }
        // It may have ended between two things on the loop.
        guard handler.isUsable else { throw UpstreamFailure.unreachable }
        handler.start(head, receiver: receiver)
        return handler
    }

    private func pool(of loop: any EventLoop) -> UpstreamPool {
        // A loop of another group shares nothing.
        let box = pools[ObjectIdentifier(loop)]
        if let pool = box?.value { return pool }
        let pool = UpstreamPool(loop: loop, limits: limits, dialer: dialer, resolver: resolver)
        box?.value = pool
        return pool
    }

    package func close() async {
        for loop in loops {
            guard let box = pools[ObjectIdentifier(loop)] else { continue }
            try? await loop.submit { box.value?.closeIdle() }.get()
        }
    }
}

extension EventLoopFuture where Value == UpstreamHandler {
    /// The handler, for a caller that runs on the future's own loop.
    fileprivate func loopBound(_ loop: any EventLoop) async throws -> UpstreamHandler {
        try await map { NIOLoopBound($0, eventLoop: loop) }.get().value
    }
}
