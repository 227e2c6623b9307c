import Hummingbird
import HummingbirdCore
import LatchkeyGateway
import Logging
import NIOCore
import NIOHTTPTypes
import NIOHTTPTypesHTTP1

/// Hummingbird's HTTP/1 channel, with everything a connection does kept on the event loop its bytes arrive on.
///
/// By default a request hops from the loop to Swift's global pool and back, and after each wait again. On the loop it
/// stays where its data is in the cache, and a wake-up of another thread is saved each time (docs/performance.md).
/// Answers are framed by `ServerCodec`.
struct PinnedChannel: ServerChildChannel {
    private let base: HTTP1Channel
    private let executors: EventLoopExecutors

    init(base: HTTP1Channel, executors: EventLoopExecutors) {
        self.base = base
        self.executors = executors
    }

    func setup(
        channel: any Channel, logger: Logger
    ) -> EventLoopFuture<NIOAsyncChannel<HTTPRequestPart, HTTPResponsePart>> {
        base.setup(channel: channel, logger: logger).flatMapThrowing { value in
            let pipeline = channel.pipeline.syncOperations
            let codec = try pipeline.handler(type: HTTP1ToHTTPServerCodec.self)
            try pipeline.addHandler(ServerCodec(), position: .before(codec))
            pipeline.removeHandler(codec, promise: nil)
            return value
        }
    }

    @concurrent
    func handle(value: NIOAsyncChannel<HTTPRequestPart, HTTPResponsePart>, logger: Logger) async {
        await withTaskExecutorPreference(executors[value.channel.eventLoop]) {
            await base.handle(value: value, logger: logger)
        }
    }
}
