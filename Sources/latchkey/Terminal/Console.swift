import LatchkeyCore
import LatchkeyCrypto

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// Standard output and error, unbuffered: what a script waits for is there when it is written.
enum Console {
    static func print(_ line: String) { write(line + "\n", to: STDOUT_FILENO) }

    static func note(_ line: String) { write(line + "\n", to: STDERR_FILENO) }

    static func fail(_ error: LatchkeyError) {
        note("latchkey: error: \(error.reason)")
        note("latchkey: hint: \(error.hint ?? "latchkey doctor looks for the cause")")
    }

    static func write(_ text: String, to file: Int32) {
        var bytes = Array(text.utf8)[...]
        while !bytes.isEmpty {
            let count = bytes.withUnsafeBytes { writeBytes(file, $0.baseAddress, $0.count) }
            guard count > 0 else { return }
            bytes = bytes.dropFirst(count)
        }
    }

    static var isInputTerminal: Bool { isatty(STDIN_FILENO) == 1 }
    static var isOutputTerminal: Bool { isatty(STDOUT_FILENO) == 1 }

    /// A key from standard input: all of it, or a line typed without echo.
    ///
    /// - Throws: `invalid_key_format` when there is none.
    static func readKey(prompt: String) throws -> SharedSecret {
        guard isInputTerminal else { return SharedSecret(try readAll().withoutTrailingNewline()) }
        write(prompt, to: STDERR_FILENO)
        var before = termios()
        let isKnown = tcgetattr(STDIN_FILENO, &before) == 0
        if isKnown {
            var silent = before
            silent.c_lflag &= ~tcflag_t(ECHO)
            tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent)
        }
        defer {
            if isKnown { tcsetattr(STDIN_FILENO, TCSAFLUSH, &before) }
            write("\n", to: STDERR_FILENO)
        }
        return SharedSecret(try read(until: UInt8(ascii: "\n")).withoutTrailingNewline())
    }

    private static func readAll() throws -> Secret { try read(until: nil) }

    private static func read(until end: UInt8?) throws -> Secret {
        var bytes: [UInt8] = []
        // Wiped below; growing may leave a copy behind, so it does not grow.
        bytes.reserveCapacity(64 * 1024)
        defer { for index in bytes.indices { bytes[index] = 0 } }
        var byte: UInt8 = 0
        while bytes.count < 64 * 1024, readBytes(STDIN_FILENO, &byte, 1) == 1 {
            if byte == end { break }
            bytes.append(byte)
        }
        guard !bytes.isEmpty else {
            throw LatchkeyError(
                .invalidKeyFormat, "no key came on standard input", hint: "printf %s \"$KEY\" | latchkey keys set …")
        }
        return Secret(copying: bytes)
    }
}

/// The system's calls, by names that the functions above do not shadow.
func readBytes(_ file: Int32, _ buffer: UnsafeMutableRawPointer?, _ count: Int) -> Int { read(file, buffer, count) }
private func writeBytes(_ file: Int32, _ buffer: UnsafeRawPointer?, _ count: Int) -> Int { write(file, buffer, count) }
