import LatchkeyCore
import Synchronization

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// A file that is there whole or not at all: written beside its place under another name, made durable, then renamed.
///
/// Whatever ends the work before, what was written is removed; after a kill, by the next one for the same place. The
/// lock, which ends with the process, tells the one from the other.
final class PartialFile: Sendable {
    let path: String
    let descriptor: Int32
    private let partialPath: String
    private let isPublished = Atomic<Bool>(false)

    /// Makes the partial file, for its owner alone.
    ///
    /// - Parameter replacing: whether a file that is there already may be replaced, at the end.
    /// - Throws: `backup_unusable`; `configuration` when the file is there already.
    init(for path: String, replacing: Bool) throws {
        self.path = path
        try Self.check(path, replacing: replacing)
        partialPath = path + ".partial"
        descriptor = try Self.create(partialPath, for: path)
    }

    deinit {
        if !isPublished.load(ordering: .relaxed) { unlink(partialPath) }
        close(descriptor)
    }

    /// Puts the file in its place. From here on it survives a power cut.
    func publish() throws {
        guard fsync(descriptor) == 0, rename(partialPath, path) == 0 else { throw BackupError.writing(path, errno) }
        isPublished.store(true, ordering: .relaxed)
        let folder = open(Self.folder(of: path), O_RDONLY | O_CLOEXEC | O_DIRECTORY)
        guard folder >= 0 else { return }
        // The name is in the folder; some file systems have no fsync for one, and then nothing better can be done.
        fsync(folder)
        close(folder)
    }

    private static func check(_ path: String, replacing: Bool) throws {
        var status = stat()
        guard lstat(path, &status) == 0 else { return }
        guard status.st_mode & S_IFMT != S_IFDIR else {
            throw LatchkeyError(.configuration, "\(path) is a folder", hint: "name a file in it")
        }
        guard replacing else {
            throw LatchkeyError(
                .configuration, "\(path) is there already", hint: "name another file, or replace it with --force")
        }
    }

    private static func create(_ partialPath: String, for path: String) throws -> Int32 {
        // Twice at most: once to find what a killed run left behind, once to make it anew.
        for _ in 0..<2 {
            let descriptor = open(partialPath, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0o600)
            if descriptor >= 0 {
                guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK else {
                    close(descriptor)
                    throw inUse(partialPath)
                }
                return descriptor
            }
            guard errno == EEXIST else { throw BackupError.writing(path, errno) }
            try removeLeftover(partialPath, for: path)
        }
        throw inUse(partialPath)
    }

    /// Removes what a killed run left. Not what another run is writing: that one holds the lock.
    private static func removeLeftover(_ partialPath: String, for path: String) throws {
        let leftover = open(partialPath, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)
        guard leftover >= 0 else { throw BackupError.writing(partialPath, errno) }
        defer { close(leftover) }
        guard flock(leftover, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK else { throw inUse(partialPath) }
        var opened = stat()
        var named = stat()
        guard fstat(leftover, &opened) == 0, opened.st_mode & S_IFMT == S_IFREG, lstat(partialPath, &named) == 0,
            opened.st_ino == named.st_ino, opened.st_dev == named.st_dev
        else { throw inUse(partialPath) }
        unlink(partialPath)
    }

    private static func inUse(_ partialPath: String) -> LatchkeyError {
        LatchkeyError(
            .configuration, "another backup is writing \(partialPath)",
            hint: "wait until it is done, or name another file")
    }

    private static func folder(of path: String) -> String {
        guard let slash = path.lastIndex(of: "/") else { return "." }
        return slash == path.startIndex ? "/" : String(path[..<slash])
    }
}
