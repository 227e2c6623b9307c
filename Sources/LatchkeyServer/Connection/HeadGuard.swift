import NIOCore

/// Counts the bytes of a request's head before the decoder sees them, and stops a head that grows past its limit.
///
/// A head that comes in one read, as nearly all do, costs a comparison. Only one that is left unfinished is looked at, for
/// the name of the field it stopped in: an oversized token is answered like every other token that does not work.
final class HeadGuard: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer

    enum Overflow { case token, other }

    private let limit: Int
    private var isInHead = true
    private var headBytes = 0
    private var isDropping = false
    /// The current field's name so far, lower-case, while a head is unfinished.
    private var fieldName: [UInt8] = []
    private var isInName = true
    private var isEmptyLine = false
    private var completedHeads = 0
    private(set) var overflow: Overflow?

    private static let tokenField = Array("authorization".utf8)
    private static let longestName = 64

    init(limit: Int) { self.limit = limit }

    var isPartial: Bool { isInHead && headBytes > 0 }
    var isInToken: Bool { !isInName && fieldName == Self.tokenField }

    func headIsComplete() {
        isInHead = false
        completedHeads &+= 1
    }

    func requestIsComplete() {
        isInHead = true
        headBytes = 0
        fieldName.removeAll(keepingCapacity: true)
        isInName = true
        isEmptyLine = false
    }

    func drop() { isDropping = true }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard !isDropping else { return }
        guard isInHead, overflow == nil else {
            if overflow == nil { context.fireChannelRead(data) }
            return
        }
        let buffer = unwrapInboundIn(data)
        if headBytes + buffer.readableBytes <= limit {
            let before = completedHeads
            context.fireChannelRead(data)
            if completedHeads == before { _ = follow(buffer) }
        } else if follow(buffer) {
            // The head ends within its limit; what goes beyond is the body, or the next request.
            context.fireChannelRead(data)
        } else {
            overflow = isInToken ? .token : .other
        }
    }

    /// Keeps the name of the field that the bytes so far end in.
    ///
    /// - Returns: whether the head ends in these bytes, and within the limit.
    private func follow(_ buffer: ByteBuffer) -> Bool {
        for byte in buffer.readableBytesView {
            headBytes += 1
            guard headBytes <= limit else { return false }
            switch byte {
            case UInt8(ascii: "\n"):
                if isEmptyLine, headBytes > 2 { return true }
                fieldName.removeAll(keepingCapacity: true)
                isInName = true
                isEmptyLine = true
                continue
            case UInt8(ascii: "\r"): continue
            case UInt8(ascii: ":") where isInName: isInName = false
            case _ where isInName && fieldName.count < Self.longestName: fieldName.append(byte | 0x20)
            default: break
            }
            isEmptyLine = false
        }
        return false
    }
}
