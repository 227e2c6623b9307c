package import LatchkeyCrypto
package import NIOCore

/// Keeps a key out of an answer: each byte of each place where it stands becomes `*`, across chunk borders as well. The
/// length stays.
///
/// A chunk passes as it is, without a copy, unless the key is in it. Of its end so much is held back as the key begins
/// with: what the next chunk brings decides.
///
/// Keys of fewer than eight bytes (`none`, `EMPTY`, `ollama`: what is given to a server of one's own that asks for no key)
/// are not looked for: they are words, and answers would be spoilt.
package final class KeyRedactor {
    private let pattern: KeyPattern
    /// How much of the key the bytes end with that have come in so far.
    private var matched = 0
    /// How many of those bytes are held. They need no place of their own, they are in the key.
    private var heldCount = 0

    /// An answer that ends within the key, after more of it than the beginning that all keys of a provider have in common.
    private static let tellingBytes = 16

    package init(secret: borrowing Secret) {
        pattern = secret.withUnsafeBytes { KeyPattern($0) }
    }

    /// - Returns: what may go on; nil where nothing may yet.
    package func feed(_ chunk: ByteBuffer) -> ByteBuffer? {
        guard chunk.readableBytes > 0 else { return nil }
        if matched == 0 {
            let start = chunk.withUnsafeReadableBytes { pattern.candidate(in: $0, from: 0) }
            guard start < chunk.readableBytes else { return chunk }
        }
        return search(chunk)
    }

    /// The end of the answer: gives what was held. A long beginning of the key that nothing follows is blacked out too.
    package func finish() -> ByteBuffer? {
        guard heldCount > 0 else { return nil }
        var rest = ByteBufferAllocator().buffer(capacity: heldCount)
        if matched >= Self.tellingBytes {
            rest.writeRepeatingByte(UInt8(ascii: "*"), count: heldCount)
        } else {
            pattern.write(from: matched - heldCount, count: heldCount, to: &rest)
        }
        matched = 0
        heldCount = 0
        return rest
    }

    /// Whether the key stands in a text, such as a header field's value.
    package func contains(_ text: String) -> Bool {
        var text = text
        return text.withUTF8 { contains(UnsafeRawBufferPointer($0)) }
    }

    package func contains(_ bytes: UnsafeRawBufferPointer) -> Bool {
        var matched = 0
        var offset = 0
        return pattern.next(in: bytes, offset: &offset, matched: &matched)
    }

    private func search(_ chunk: ByteBuffer) -> ByteBuffer? {
        var bytes = chunk
        let before = heldCount
        if before > 0 {
            bytes = ByteBufferAllocator().buffer(capacity: before + chunk.readableBytes)
            pattern.write(from: matched - before, count: before, to: &bytes)
            bytes.writeImmutableBuffer(chunk)
        }
        // What is before this has been blacked out already, or has gone on.
        var decided = 0
        var offset = before
        while bytes.withUnsafeReadableBytes({ pattern.next(in: $0, offset: &offset, matched: &matched) }) {
            let begin = max(offset - pattern.count, decided)
            bytes.withUnsafeMutableReadableBytes { bytes in
                for index in begin..<offset { bytes[index] = UInt8(ascii: "*") }
            }
            decided = offset
        }
        heldCount = min(matched, bytes.readableBytes - decided)
        guard heldCount < bytes.readableBytes else { return nil }
        bytes.moveWriterIndex(to: bytes.writerIndex - heldCount)
        return bytes
    }
}
