import LatchkeyCore
package import NIOCore
package import NIOHTTP1
import NIOHTTP2
package import NIOSSL

/// Calls over connections of our own on the caller's event loop: no change of thread from socket to socket, and the
/// addresses that were judged are the ones dialled (docs/decisions/009-gateway.md).
package final class PooledUpstreamClient: UpstreamClient {
    private let pools: [ObjectIdentifier: NIOLoopBoundBox<UpstreamPool?>]
    private let loops: [any EventLoop]
    private let dialer: UpstreamDialer
    private let resolver: AddressResolver
    private let connectionsPerLoop: Int

    /// - Parameters:
    ///   - certificates: further roots that providers' certificates may come from, PEM; beside the system's.
    ///   - connectTimeout: for a connection and its TLS handshake together.
    package init(
        group: any EventLoopGroup, resolver: AddressResolver, certificates: [NIOSSLCertificate] = [],
        connectTimeout: TimeAmount = .seconds(10), connectionsPerLoop: Int = 4096
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
        dialer = UpstreamDialer(tls: try NIOSSLContext(configuration: tls), timeout: connectTimeout)
        self.resolver = resolver
        self.connectionsPerLoop = connectionsPerLoop
    }

    package func call(
        _ head: HTTPRequestHead, to destination: Destination, receiver: any UpstreamReceiver, on loop: any EventLoop,
        isFresh: Bool
    ) async throws -> any UpstreamCall {
        let pool = pool(of: loop)
        let origin = UpstreamPool.Origin(destination)
        let handler: UpstreamHandler
        if !isFresh, let idle = pool.take(origin) {
            handler = idle
        } else {
            handler = try await connect(destination, as: origin, pool, loop)
        }
        handler.start(head, receiver: receiver)
        return handler
    }

    private func connect(
        _ destination: Destination, as origin: UpstreamPool.Origin, _ pool: UpstreamPool, _ loop: any EventLoop
    ) async throws -> UpstreamHandler {
        if let stream = pool.stream(origin), let handler = try? await stream.loopBound(loop) { return handler }
        guard pool.hasRoom else { throw UpstreamFailure.tooManyConnections }
        let addresses = try await resolver.addresses(for: destination)
        switch try await dialer.dial(destination, addresses: addresses, on: loop) {
        case .http1(let channel):
            do { return try pool.add(channel, as: origin) } catch { throw UpstreamFailure.unreachable }
        case .http2(let channel, let multiplexer):
            do { return try await pool.add(channel, multiplexer, as: origin).loopBound(loop) } catch {
                throw UpstreamFailure.unreachable
            }
        }
    }

    private func pool(of loop: any EventLoop) -> UpstreamPool {
        guard let box = pools[ObjectIdentifier(loop)] else {
            // A loop of another group: it shares nothing.
            return UpstreamPool(loop: loop, limit: connectionsPerLoop)
        }
        if let pool = box.value { return pool }
        let pool = UpstreamPool(loop: loop, limit: connectionsPerLoop)
        box.value = pool
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
