import Dispatch
import Fernet
import Foundation
import LatchkeyCore
import LatchkeyCrypto

#if canImport(Glibc)
import Glibc
#endif

/// A program of the operator's that knows how the old system made its keys. It is started once, is given one line of
/// JSON for each user, `{"user_id":"…"}`, and answers each with one line: the user's Fernet key, or nothing.
///
/// It gets the secret in its environment and nothing else of ours: Latchkey's own root is in our environment, and is no
/// business of a script that is thrown away tomorrow.
// SAFETY: the process and the pipes are used on `queue` only, which runs one thing at a time.
final class DerivationProgram: @unchecked Sendable {
    private let process = Process()
    private let input = Pipe()
    private let output = Pipe()
    private let queue = DispatchQueue(label: "latchkey.import.derivation")
    private let patience: Int32
    /// What has been read of the line after the last one.
    private var pending: [UInt8] = []

    private static let longestAnswer = 1024
    private static let inherited = ["PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "VIRTUAL_ENV", "PYTHONPATH"]

    static let ended = LatchkeyError(
        .internalError, "the derivation program ended before it had answered",
        hint: "it is to answer each line with one, and to end when its input ends")

    /// - Parameters:
    ///   - variable: the name of the environment variable that the secret has here, and gets there.
    ///   - patience: how long one answer may take, in milliseconds.
    /// - Throws: `configuration` when it cannot be started.
    init(
        path: String, secret: SharedSecret?, variable: String?, patience: Int32 = 30_000
    ) throws(LatchkeyError) {
        self.patience = patience
        var environment: [String: String] = [:]
        let ours = ProcessInfo.processInfo.environment
        for name in Self.inherited { environment[name] = ours[name] }
        if let secret, let variable {
            environment[variable] = secret.secret.withUnsafeBytes { String(decoding: $0, as: UTF8.self) }
        }
        process.executableURL = URL(fileURLWithPath: Self.resolved(path, ours["PATH"] ?? ""))
        process.arguments = []
        process.environment = environment
        process.standardInput = input
        process.standardOutput = output
        // A program that ends early closes the pipe; writing to it must be an error here and not the end of us.
        signal(SIGPIPE, SIG_IGN)
        do { try process.run() } catch {
            throw LatchkeyError(
                .configuration, "the derivation program \(path) cannot be started",
                hint: "check its path, that it is executable, and its first line (#!)")
        }
    }

    /// A name without a slash is looked for in `PATH`, as a shell does.
    private static func resolved(_ path: String, _ folders: String) -> String {
        guard !path.utf8.contains(UInt8(ascii: "/")) else { return path }
        for folder in folders.split(separator: ":") where access("\(folder)/\(path)", X_OK) == 0 {
            return "\(folder)/\(path)"
        }
        return path
    }

    /// - Throws: `internal` when the program is gone or does not answer.
    func key(user: [UInt8]) async throws -> SharedSecret? {
        try await withCheckedThrowingContinuation { continuation in
            queue.async { continuation.resume(with: Result { try self.ask(user) }) }
        }
    }

    private func ask(_ user: [UInt8]) throws -> SharedSecret? {
        let encoder = JSONEncoder()
        encoder.outputFormatting = .withoutEscapingSlashes
        var question = try encoder.encode(["user_id": String(decoding: user, as: UTF8.self)])
        question.append(UInt8(ascii: "\n"))
        do { try input.fileHandleForWriting.write(contentsOf: question) } catch { throw Self.ended }
        var answer = try line()
        defer { SecureMemory.wipe(&answer) }
        return answer.withUnsafeBytes { FernetKeyText.decode($0) }
    }

    private func line() throws -> [UInt8] {
        let file = output.fileHandleForReading.fileDescriptor
        while true {
            if let end = pending.firstIndex(of: UInt8(ascii: "\n")) {
                let line = Array(pending[..<end])
                let rest = Array(pending[(end + 1)...])
                SecureMemory.wipe(&pending)
                pending = rest
                return line
            }
            guard pending.count <= Self.longestAnswer else {
                throw LatchkeyError(
                    .internalError, "the derivation program answered with a line of over \(Self.longestAnswer) bytes")
            }
            var ready = pollfd(fd: file, events: Int16(POLLIN), revents: 0)
            let count = poll(&ready, 1, patience)
            if count < 0, errno == EINTR { continue }
            guard count > 0 else {
                throw LatchkeyError(
                    .internalError, "the derivation program did not answer for \(patience / 1000) s",
                    hint: "it has to write its answer out after each line (in Python: print(…, flush=True))")
            }
            var chunk = [UInt8](repeating: 0, count: 4096)
            defer { SecureMemory.wipe(&chunk) }
            let length = chunk.withUnsafeMutableBytes { read(file, $0.baseAddress, $0.count) }
            if length < 0, errno == EINTR { continue }
            guard length > 0 else { throw Self.ended }
            pending += chunk[..<length]
        }
    }

    /// Ends its input, and it with it; one that does not end by itself is ended.
    func close() {
        queue.async { [self] in
            try? input.fileHandleForWriting.close()
            guard process.isRunning else { return }
            process.terminate()
        }
    }
}
