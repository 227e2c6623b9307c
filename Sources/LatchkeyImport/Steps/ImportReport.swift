package import LatchkeyCore

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// A CSV file (RFC 4180), its owner's alone, with a line for each key that was not imported and each that was kept.
package final class ImportReport {
    private let file: Int32
    private let path: String

    /// Makes the file, or empties the one that is there.
    ///
    /// - Throws: `configuration` when it cannot be written.
    package init(path: String) throws(LatchkeyError) {
        self.path = path
        file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard file >= 0, fchmod(file, 0o600) == 0 else {
            throw LatchkeyError(
                .configuration, "the report \(path) cannot be written", hint: "check the folder, and that it is no link"
            )
        }
        try write("place,user_id,provider,outcome,reason\r\n")
    }

    deinit { close(file) }

    package func add(_ result: ImportResult) throws(LatchkeyError) {
        let (outcome, reason): (String, String)
        switch result.outcome {
        case .stored, .alreadyThere: return
        case .kept: (outcome, reason) = ("kept", "another key is stored under this name")
        case .wouldNotOpen(let why): (outcome, reason) = ("would_not_open", why)
        case .refused(let why): (outcome, reason) = ("refused", why)
        }
        let item = result.item
        let fields = [item.place, item.user, item.provider, outcome, reason].map(Self.quoted)
        try write(fields.joined(separator: ",") + "\r\n")
    }

    private static func quoted(_ text: String) -> String {
        "\"" + text.replacing("\"", with: "\"\"") + "\""
    }

    private func write(_ text: String) throws(LatchkeyError) {
        let bytes = Array(text.utf8)
        var written = 0
        while written < bytes.count {
            let count = bytes[written...].withUnsafeBytes { writeBytes(file, $0.baseAddress, $0.count) }
            guard count > 0 else {
                throw LatchkeyError(
                    .internalError, "the report \(path) could not be written to its end",
                    hint: "make room on its disk, then run the import again")
            }
            written += count
        }
    }
}

/// The system's call, by a name that the method above does not shadow.
private func writeBytes(_ file: Int32, _ buffer: UnsafeRawPointer?, _ count: Int) -> Int { write(file, buffer, count) }
