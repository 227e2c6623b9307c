import LatchkeyCore
import LatchkeyCrypto

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// A secret from a setting: the value itself, or `file:PATH`, a regular file that nobody else may read.
enum SecretSource {
    private static let largest = 64 * 1024

    /// - Throws: `configuration`, with the setting's name and the mend; never the value.
    static func read(_ value: String, for setting: Setting) throws -> Secret {
        try read(value, named: setting.name)
    }

    static func read(_ value: String, named name: String) throws -> Secret {
        guard value.hasPrefix("file:") else { return Secret(copying: Array(value.utf8)) }
        let path = String(value.dropFirst("file:".count))
        return try readFile(path, for: name)
    }

    private static func readFile(_ path: String, for name: String) throws -> Secret {
        let file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard file >= 0 else {
            throw LatchkeyError(
                .configuration, "\(name) names the file \(path), which cannot be opened",
                hint: "check the path and who owns the file")
        }
        defer { close(file) }
        // Asked of the open file, not of the path: what was checked is what is read.
        var status = stat()
        guard fstat(file, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            throw LatchkeyError(
                .configuration, "\(name) names \(path), which is not a regular file",
                hint: "write the secret to a file of its own")
        }
        guard status.st_mode & 0o077 == 0 else {
            throw LatchkeyError(
                .configuration,
                "\(path) can be read by others than its owner (mode \(String(status.st_mode & 0o777, radix: 8)))",
                hint: "chmod 600 \(path)")
        }
        guard (1...largest).contains(Int(status.st_size)) else {
            throw LatchkeyError(
                .configuration, "\(path) has \(status.st_size) bytes, which is no secret for \(name)")
        }
        let content = try Secret(count: Int(status.st_size)) { buffer in
            var filled = 0
            while filled < buffer.count {
                let count = readBytes(file, buffer.baseAddress?.advanced(by: filled), buffer.count - filled)
                guard count > 0 else {
                    throw LatchkeyError(.configuration, "\(path) could not be read to its end")
                }
                filled += count
            }
        }
        return content.withoutTrailingNewline()
    }
}

extension Secret {
    /// Editors and `echo` leave one behind.
    borrowing func withoutTrailingNewline() -> Secret {
        withUnsafeBytes { bytes in
            var end = bytes.count
            while end > 0, bytes[end - 1] == UInt8(ascii: "\n") || bytes[end - 1] == UInt8(ascii: "\r") { end -= 1 }
            return Secret(copying: UnsafeRawBufferPointer(rebasing: bytes[..<end]))
        }
    }
}
