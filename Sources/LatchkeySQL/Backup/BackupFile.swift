import LatchkeyCore

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// An open file that may be a backup; nothing of it has been believed yet.
final class BackupFile: Sendable {
    let path: String
    let descriptor: Int32
    /// Bytes.
    let size: Int64

    /// - Throws: `backup_unusable` when it cannot be read, or is a pipe or the like: it is read twice.
    init(_ path: String) throws {
        self.path = path
        descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else { throw BackupError.reading(path, errno) }
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            close(descriptor)
            throw LatchkeyError(
                .backupUnusable, "\(path) is not a regular file", hint: "write the backup to a file first")
        }
        size = Int64(status.st_size)
    }

    deinit { close(descriptor) }
}
