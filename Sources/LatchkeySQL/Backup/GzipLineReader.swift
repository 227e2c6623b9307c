import CZlib
import LatchkeyCore

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// The lines of a gzip file, one after the other, from its beginning. Nothing is believed of what is read: a line that
/// does not end, a file that was cut, bytes behind the end are errors. Its memory does not grow with the file.
final class GzipLineReader {
    static let longestLine = 1 << 20

    private let file: BackupFile
    private let stream: UnsafeMutablePointer<z_stream>
    private let input: UnsafeMutableBufferPointer<UInt8>
    /// Room for the longest line and what follows it.
    private let text: UnsafeMutableBufferPointer<UInt8>
    private var start = 0
    private var end = 0
    private var isAtEnd = false
    /// Bytes of the file that were read.
    private(set) var position: Int64 = 0

    init(_ file: BackupFile) throws {
        self.file = file
        stream = .allocate(capacity: 1)
        stream.initialize(to: z_stream())
        input = .allocate(capacity: 64 * 1024)
        text = .allocate(capacity: Self.longestLine + 64 * 1024)
        let status = inflateInit2_(stream, 15 + 16, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size))
        guard status == Z_OK else { throw LatchkeyError(.storeUnavailable, "there is no memory to read a backup with") }
    }

    deinit {
        inflateEnd(stream)
        stream.deallocate()
        input.deallocate()
        text.deallocate()
    }

    /// Lends the next line, its line feed included, to `body`.
    ///
    /// - Returns: nil when the file has come to its proper end.
    /// - Throws: `backup_unusable`.
    func nextLine<R>(_ body: (UnsafeRawBufferPointer) throws -> R) throws -> R? {
        var searched = start
        while true {
            if let feed = firstLineFeed(from: searched) {
                let line = UnsafeRawBufferPointer(UnsafeBufferPointer(rebasing: text[start...feed]))
                start = feed + 1
                return try body(line)
            }
            guard end - start <= Self.longestLine else { throw BackupError.damaged("a line of it has no end") }
            searched = end - start
            guard try fill() else {
                guard start == end else { throw BackupError.damaged("its last line has no end") }
                return nil
            }
        }
    }

    private func firstLineFeed(from place: Int) -> Int? {
        guard place < end, let base = text.baseAddress,
            let found = memchr(base.advanced(by: place), 0x0A, end - place)
        else { return nil }
        return UnsafeRawPointer(base).distance(to: found)
    }

    /// Moves what is left to the beginning and decompresses behind it.
    /// - Returns: false at the end.
    private func fill() throws -> Bool {
        guard !isAtEnd, let base = text.baseAddress else { return false }
        memmove(base, base.advanced(by: start), end - start)
        end -= start
        start = 0
        let room = text.count - end
        stream.pointee.next_out = base.advanced(by: end)
        stream.pointee.avail_out = UInt32(room)
        while Int(stream.pointee.avail_out) == room, !isAtEnd {
            if stream.pointee.avail_in == 0, try !readMore() { throw BackupError.cutShort }
            switch inflate(stream, Z_NO_FLUSH) {
            case Z_OK, Z_BUF_ERROR: continue
            case Z_STREAM_END: try expectNothingMore()
            default:
                throw position <= Int64(input.count) && end == 0
                    ? BackupError.notOne : BackupError.damaged("it does not decompress")
            }
        }
        end += room - Int(stream.pointee.avail_out)
        return true
    }

    private func expectNothingMore() throws {
        isAtEnd = true
        guard stream.pointee.avail_in == 0, try !readMore() else {
            throw BackupError.damaged("something follows its end")
        }
    }

    /// - Returns: false at the end of the file.
    private func readMore() throws -> Bool {
        while true {
            let count = pread(file.descriptor, input.baseAddress, input.count, off_t(position))
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw BackupError.reading(file.path, errno) }
            position += Int64(count)
            stream.pointee.next_in = input.baseAddress
            stream.pointee.avail_in = UInt32(count)
            return count > 0
        }
    }
}
