#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// Questions about the embedded database's file that do not open it.
enum DatabaseFile {
    static func exists(_ path: String) -> Bool { access(path, F_OK) == 0 }

    /// The permission bits; nil when there is no such file.
    static func mode(_ path: String) -> UInt32? {
        var status = stat()
        guard stat(path, &status) == 0 else { return nil }
        return UInt32(status.st_mode) & 0o777
    }

    static func canWrite(_ path: String) -> Bool { access(path, R_OK | W_OK) == 0 }
}
