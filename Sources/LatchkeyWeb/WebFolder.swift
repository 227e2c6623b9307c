import LatchkeyCore

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// A folder on disk with the files of the pages. Names come from `WebFile.all` alone, so there is no way out of it but
/// a link that its owner put there.
struct WebFolder: Sendable {
    private let path: String
    private static let largest = 4 * 1024 * 1024

    /// - Throws: `configuration`.
    init(_ path: String) throws(LatchkeyError) {
        self.path = path
        guard read("page.html") != nil else {
            throw LatchkeyError(
                .configuration, "\(path) has no file page.html that can be read",
                hint: "--ui-folder takes a folder with the files of Sources/LatchkeyWeb/Assets")
        }
    }

    /// nil when there is no regular file of this name, or one too large to be one of ours.
    func read(_ name: String) -> [UInt8]? {
        let file = open("\(path)/\(name)", O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard file >= 0 else { return nil }
        defer { close(file) }
        var status = stat()
        guard fstat(file, &status) == 0, status.st_mode & S_IFMT == S_IFREG, status.st_size <= Self.largest else {
            return nil
        }
        var bytes = [UInt8](repeating: 0, count: Int(status.st_size))
        var filled = 0
        while filled < bytes.count {
            let wanted = bytes.count - filled
            let count = bytes.withUnsafeMutableBytes { buffer in
                buffer.baseAddress.map { readBytes(file, $0.advanced(by: filled), wanted) } ?? 0
            }
            guard count > 0 else { return nil }
            filled += count
        }
        return bytes
    }
}

/// The C function under a name that the method above does not hide.
private func readBytes(_ file: Int32, _ buffer: UnsafeMutableRawPointer, _ count: Int) -> Int {
    read(file, buffer, count)
}
