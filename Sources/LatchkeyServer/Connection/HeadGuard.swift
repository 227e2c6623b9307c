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
    private(set) var overflow: Overflow?

    private static let tokenField = Array("authorization".utf8)
    private static let longestName = 64

    init(limit: Int) { self.limit = limit }

    var isPartial: Bool { isInHead && headBytes > 0 }
    var isInToken: Bool { !isInName && fieldName == Self.tokenField }

    func headIsComplete() { isInHead = false }

    func requestIsComplete() {
        isInHead = true
        headBytes = 0
        fieldName.removeAll(keepingCapacity: true)
        isInName = true
    }

    func drop() { isDropping = true }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard !isDropping else { return }
        let buffer = unwrapInboundIn(data)
        guard isInHead else { return context.fireChannelRead(data) }
        headBytes += buffer.readableBytes
        guard headBytes > limit || overflow != nil else {
            context.fireChannelRead(data)
            if isInHead, headBytes > 0 { follow(buffer) }
            return
        }
        follow(buffer)
        if overflow == nil { overflow = isInToken ? .token : .other }
    }

    /// Keeps the name of the field that the bytes so far end in.
    private func follow(_ buffer: ByteBuffer) {
        for byte in buffer.readableBytesView {
            switch byte {
            case UInt8(ascii: "\n"):
                fieldName.removeAll(keepingCapacity: true)
                isInName = true
            case UInt8(ascii: ":") where isInName: isInName = false
            case _ where isInName && fieldName.count < Self.longestName: fieldName.append(byte | 0x20)
            default: break
            }
        }
    }
}
