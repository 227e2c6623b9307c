import Fernet
import LatchkeyCore

/// Reads a file record by record through one buffer of fixed size, which is wiped at the end.
///
/// A record that cannot be read costs one line: reading goes on behind the line end that follows the place where the
/// record began. A quote that is never closed, or a brace, thus spoils its own line and not the rest of the file.
final class RecordReader<Format: RecordFormat> {
    /// The longest record, in bytes: a key with everything beside it is a fraction of this.
    static var longestRecord: Int { 64 * 1024 }

    private let file: InputFile
    private let format: Format
    private let buffer: UnsafeMutableRawBufferPointer
    /// What has been read and not yet used.
    private var unread = 0..<0
    private var isAtEnd = false
    private var line = 1
    /// How many bytes have been used.
    private(set) var position = 0

    init(file: InputFile, format: Format) throws(LatchkeyError) {
        self.file = file
        self.format = format
        buffer = .allocate(byteCount: 4 * Self.longestRecord, alignment: 16)
        buffer.initializeMemory(as: UInt8.self, repeating: 0)
        while unread.count < 3, !isAtEnd { try fill() }
        // A byte order mark is no part of the first field's name.
        if bytes.starts(with: [0xef, 0xbb, 0xbf]) { use(3) }
    }

    deinit {
        SecureMemory.wipe(buffer)
        buffer.deallocate()
    }

    /// - Returns: nil at the end of the file.
    func next() throws(LatchkeyError) -> FileRecord<Format.Value>? {
        while true {
            if unread.isEmpty {
                if isAtEnd { return nil }
                try fill()
                continue
            }
            let line = line
            switch format.scan(bytes, isLast: isAtEnd) {
            case .record(let value, let length):
                use(length)
                return .good(line: line, value)
            case .between(let length):
                use(length)
            case .more where unread.count > Self.longestRecord:
                try skipLine()
                return .bad(line: line, reason: "it goes on for more than \(Self.longestRecord) bytes without an end")
            case .more where isAtEnd:
                try skipLine()
                return .bad(line: line, reason: "it has no end")
            case .more:
                try fill()
            case .bad(let reason):
                try skipLine()
                return .bad(line: line, reason: reason)
            }
        }
    }

    private var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(rebasing: buffer[unread]) }

    private func use(_ count: Int) {
        // A format that finds nothing must not keep the file from ending.
        let count = min(max(1, count), unread.count)
        for byte in buffer[unread.lowerBound..<unread.lowerBound + count] where byte == UInt8(ascii: "\n") { line += 1 }
        unread = unread.lowerBound + count..<unread.upperBound
        position += count
    }

    private func skipLine() throws(LatchkeyError) {
        while true {
            if let end = bytes.firstIndex(of: UInt8(ascii: "\n")) { return use(end + 1) }
            if !unread.isEmpty { use(unread.count) }
            if isAtEnd { return }
            try fill()
        }
    }

    private func fill() throws(LatchkeyError) {
        if unread.lowerBound > 0 {
            let count = unread.count
            let start = UnsafeMutableRawBufferPointer(rebasing: buffer[..<count])
            // The two may overlap; copyMemory is memmove.
            start.copyMemory(from: UnsafeRawBufferPointer(rebasing: buffer[unread]))
            unread = 0..<count
        }
        let room = UnsafeMutableRawBufferPointer(rebasing: buffer[unread.upperBound...])
        let count = try file.read(into: room)
        if count == 0 { isAtEnd = true }
        unread = unread.lowerBound..<unread.upperBound + count
    }
}
