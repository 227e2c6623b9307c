import CZlib

/// Compression of a whole text at once (RFC 1952), for files that are compressed once and sent often.
enum Gzip {
    /// - Returns: nil when zlib has no memory for it.
    static func compress(_ bytes: [UInt8]) -> [UInt8]? {
        guard let count = UInt32(exactly: bytes.count) else { return nil }
        // zlib keeps a pointer back to its stream, which therefore stays at one address.
        let stream = UnsafeMutablePointer<z_stream>.allocate(capacity: 1)
        stream.initialize(to: z_stream())
        defer { stream.deallocate() }
        // 15 is the largest window, 16 more asks for gzip's frame.
        guard
            deflateInit2_(
                stream, Z_BEST_COMPRESSION, Z_DEFLATED, 15 + 16, 9, Z_DEFAULT_STRATEGY, ZLIB_VERSION,
                Int32(MemoryLayout<z_stream>.size)) == Z_OK
        else { return nil }
        defer { deflateEnd(stream) }
        let bound = Int(deflateBound(stream, UInt(count)))
        var isWhole = false
        let result = [UInt8](unsafeUninitializedCapacity: bound) { output, filled in
            bytes.withUnsafeBufferPointer { input in
                // zlib's field is not const; it does not write to what it reads.
                stream.pointee.next_in = UnsafeMutablePointer(mutating: input.baseAddress)
                stream.pointee.avail_in = count
                stream.pointee.next_out = output.baseAddress
                stream.pointee.avail_out = UInt32(clamping: bound)
                isWhole = deflate(stream, Z_FINISH) == Z_STREAM_END
                filled = bound - Int(stream.pointee.avail_out)
            }
        }
        return isWhole ? result : nil
    }
}
