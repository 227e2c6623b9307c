import NIOCore
import NIOHTTP2

/// The connections of one event loop, kept for the next call to the same place.
final class UpstreamPool {
    /// Who may share a connection: custom addresses are judged apart, so they never meet the catalogue's.
    struct Origin: Hashable {
        let isTLS: Bool
        let host: String
        let port: Int
        let isCustom: Bool

        init(_ destination: Destination) {
            isTLS = destination.isTLS
            host = destination.host
            port = destination.port
            isCustom = destination.isCustom
        }
    }

    private let loop: any EventLoop
    private let limit: Int
    private var idle: [Origin: [UpstreamHandler]] = [:]
    private var multiplexed: [Origin: HTTP2Connection] = [:]
    private(set) var count = 0
    private var sweep: RepeatedTask?

    static let idleTime = TimeAmount.seconds(50)
    private static let idlePerOrigin = 256

    init(loop: any EventLoop, limit: Int) {
        self.loop = loop
        self.limit = limit
    }

    var hasRoom: Bool { count < limit }

    /// The connection that was used last: the others may run out of their time.
    func take(_ origin: Origin) -> UpstreamHandler? {
        while let handler = idle[origin]?.popLast() {
            if handler.isUsable { return handler }
        }
        return nil
    }

    /// - Returns: nil when there is no HTTP/2 connection to that place.
    func stream(_ origin: Origin) -> EventLoopFuture<UpstreamHandler>? { multiplexed[origin]?.stream() }

    func add(_ channel: any Channel, as origin: Origin) throws -> UpstreamHandler {
        count += 1
        let handler = UpstreamHandler(
            isMultiplexed: false, onIdle: { [weak self] in self?.putBack($0, as: origin) },
            onClosed: { [weak self] in self?.forget($0, as: origin) })
        do { try channel.pipeline.syncOperations.addHandler(handler) } catch {
            count -= 1
            throw error
        }
        return handler
    }

    func add(
        _ channel: any Channel, _ multiplexer: NIOHTTP2Handler.StreamMultiplexer, as origin: Origin
    ) throws -> EventLoopFuture<UpstreamHandler> {
        count += 1
        let connection = HTTP2Connection(
            channel: channel, multiplexer: multiplexer,
            onRetired: { [weak self] connection in
                if self?.multiplexed[origin] === connection { self?.multiplexed[origin] = nil }
            }, onClosed: { [weak self] in self?.count -= 1 })
        do { try connection.watch() } catch {
            count -= 1
            throw error
        }
        let stream = connection.stream()
        if multiplexed[origin] == nil {
            multiplexed[origin] = connection
            startSweep()
        } else {
            // Of two that were opened at once the first serves on.
            connection.retire()
        }
        return stream
    }

    func closeIdle() {
        sweep?.cancel()
        for handler in idle.values.joined() { handler.close() }
        for connection in multiplexed.values { connection.retire() }
        idle = [:]
        multiplexed = [:]
    }

    private func putBack(_ handler: UpstreamHandler, as origin: Origin) {
        guard idle[origin, default: []].count < Self.idlePerOrigin else { return handler.close() }
        idle[origin, default: []].append(handler)
        startSweep()
    }

    private func startSweep() {
        guard sweep == nil else { return }
        let pool = NIOLoopBound(self, eventLoop: loop)
        sweep = loop.scheduleRepeatedTask(initialDelay: .seconds(10), delay: .seconds(10)) { _ in
            pool.value.closeOld()
        }
    }

    private func closeOld() {
        let oldest = NIODeadline.now() - Self.idleTime
        for (origin, handlers) in idle {
            // The longest idle stand in front.
            let old = handlers.prefix { $0.idleSince < oldest }
            guard !old.isEmpty else { continue }
            idle[origin] = old.count == handlers.count ? nil : Array(handlers.dropFirst(old.count))
            for handler in old { handler.close() }
        }
        for connection in Array(multiplexed.values) where connection.isIdle(since: oldest) { connection.retire() }
        guard idle.isEmpty, multiplexed.isEmpty else { return }
        sweep?.cancel()
        sweep = nil
    }

    private func forget(_ handler: UpstreamHandler, as origin: Origin) {
        count -= 1
        guard let index = idle[origin]?.lastIndex(where: { $0 === handler }) else { return }
        idle[origin]?.remove(at: index)
    }
}
