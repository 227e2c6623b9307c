import Fernet
package import LatchkeyCore
import LatchkeyCrypto

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// A file with keys in it, read from its start to its end. A pipe will do, so that keys need not lie on a disk.
package final class InputFile {
    package let path: String
    /// In bytes; nil for a pipe.
    package let size: Int?
    /// The permission bits when others than the owner may read it.
    package let modeForOthers: UInt32?
    private let file: Int32

    /// - Throws: `configuration` when it cannot be opened or is a folder.
    package init(path: String) throws(LatchkeyError) {
        self.path = path
        file = open(path, O_RDONLY | O_CLOEXEC)
        var status = stat()
        guard file >= 0, fstat(file, &status) == 0, status.st_mode & S_IFMT != S_IFDIR else {
            size = nil
            modeForOthers = nil
            throw LatchkeyError(
                .configuration, "the file \(path) cannot be read", hint: "check the path and who may read it")
        }
        let isRegular = status.st_mode & S_IFMT == S_IFREG
        size = isRegular ? Int(status.st_size) : nil
        modeForOthers = isRegular && status.st_mode & 0o077 != 0 ? UInt32(status.st_mode & 0o777) : nil
    }

    deinit { close(file) }

    /// What to tell the operator about the file itself; nil when there is nothing.
    package var warning: String? {
        modeForOthers.map { mode in
            "\(path) can be read by others than its owner (mode \(String(mode, radix: 8))): chmod 600, and delete it afterwards"
        }
    }

    /// Reads what comes next, at most as much as fits.
    ///
    /// - Returns: the number of bytes; 0 at the end.
    func read(into buffer: UnsafeMutableRawBufferPointer) throws(LatchkeyError) -> Int {
        while true {
            let count = readBytes(file, buffer.baseAddress, buffer.count)
            if count >= 0 { return count }
            guard errno == EINTR else {
                throw LatchkeyError(.internalError, "the file \(path) could not be read to its end")
            }
        }
    }

    /// Reads all of it.
    ///
    /// - Throws: `body_too_large` when it is larger than `limit` bytes.
    func readAll(limit: Int) throws(LatchkeyError) -> SharedSecret {
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: limit + 1, alignment: 16)
        buffer.initializeMemory(as: UInt8.self, repeating: 0)
        defer {
            SecureMemory.wipe(buffer)
            buffer.deallocate()
        }
        var filled = 0
        while filled < buffer.count {
            let count = try read(into: UnsafeMutableRawBufferPointer(rebasing: buffer[filled...]))
            if count == 0 { break }
            filled += count
        }
        guard filled <= limit else {
            throw LatchkeyError(.bodyTooLarge, "the file \(path) has more than \(limit) bytes")
        }
        return SharedSecret(Secret(copying: UnsafeRawBufferPointer(rebasing: buffer[..<filled])))
    }
}

/// The system's call, by a name that the method above does not shadow.
private func readBytes(_ file: Int32, _ buffer: UnsafeMutableRawPointer?, _ count: Int) -> Int {
    read(file, buffer, count)
}
