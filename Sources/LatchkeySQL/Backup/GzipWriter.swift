import CZlib
import LatchkeyCore

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// Compresses what it is given into an open file, as gzip (RFC 1952). Its memory does not grow with the file.
final class GzipWriter {
    private let descriptor: Int32
    private let path: String
    // zlib keeps a pointer back to its stream, which therefore stays at one address.
    private let stream: UnsafeMutablePointer<z_stream>
    private let output: UnsafeMutableBufferPointer<UInt8>
    /// Bytes that are in the file.
    private(set) var written = 0

    /// - Parameter path: for error texts.
    init(descriptor: Int32, path: String) throws {
        self.descriptor = descriptor
        self.path = path
        stream = .allocate(capacity: 1)
        stream.initialize(to: z_stream())
        output = .allocate(capacity: 64 * 1024)
        // 15 is the largest window, 16 more asks for gzip's frame.
        let status = deflateInit2_(
            stream, Self.level, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY, ZLIB_VERSION,
            Int32(MemoryLayout<z_stream>.size))
        guard status == Z_OK else { throw LatchkeyError(.storeUnavailable, "there is no memory to compress with") }
    }

    deinit {
        deflateEnd(stream)
        stream.deallocate()
        output.deallocate()
    }

    func append(_ bytes: [UInt8]) throws {
        try bytes.withUnsafeBufferPointer { bytes in
            // zlib's field is not const; it does not write to what it reads.
            stream.pointee.next_in = UnsafeMutablePointer(mutating: bytes.baseAddress)
            stream.pointee.avail_in = UInt32(clamping: bytes.count)
            while stream.pointee.avail_in > 0 { try step(Z_NO_FLUSH) }
        }
    }

    /// Writes what is still held back, and the checksum.
    func finish() throws {
        stream.pointee.next_in = nil
        stream.pointee.avail_in = 0
        while try step(Z_FINISH) != Z_STREAM_END {}
    }

    @discardableResult
    private func step(_ flush: Int32) throws -> Int32 {
        stream.pointee.next_out = output.baseAddress
        stream.pointee.avail_out = UInt32(output.count)
        let status = deflate(stream, flush)
        guard status == Z_OK || status == Z_STREAM_END else {
            throw LatchkeyError(.storeUnavailable, "what was read could not be compressed (zlib error \(status))")
        }
        try put(UnsafeBufferPointer(rebasing: output[..<(output.count - Int(stream.pointee.avail_out))]))
        return status
    }

    private func put(_ bytes: UnsafeBufferPointer<UInt8>) throws {
        var done = 0
        while done < bytes.count {
            let count = write(descriptor, bytes.baseAddress?.advanced(by: done), bytes.count - done)
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { throw BackupError.writing(path, errno) }
            done += count
        }
        written += done
    }

    /// Sealed keys are random and do not compress; what does compresses well at any level.
    private static let level: Int32 = 3
}
