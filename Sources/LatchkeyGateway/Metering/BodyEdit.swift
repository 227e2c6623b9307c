import NIOCore

/// A change to a body: the bytes in `range` become `text`, all others stay what they are.
struct BodyEdit {
    var range: Range<Int>
    var text: String

    init(range: Range<Int>, text: String) {
        self.range = range
        self.text = text
    }

    init(at offset: Int, text: String) { self.init(range: offset..<offset, text: text) }

    func applied(to body: ByteBuffer) -> ByteBuffer {
        var rest = body
        var result = ByteBufferAllocator().buffer(capacity: body.readableBytes + text.utf8.count)
        if let before = rest.readSlice(length: range.lowerBound) { result.writeImmutableBuffer(before) }
        result.writeString(text)
        rest.moveReaderIndex(forwardBy: range.count)
        result.writeBuffer(&rest)
        return result
    }
}
