import Foundation

/// An interpreter beside us, whose `cryptography` package knows nothing of our code.
enum Python {
    struct Outcome {
        let status: Int32
        let output: String
        let errors: String
    }

    /// `LATCHKEY_PYTHON`, else the repository's virtual environment, else what the PATH has.
    private static let interpreter: [String] = {
        if let named = ProcessInfo.processInfo.environment["LATCHKEY_PYTHON"] { return [named] }
        let local = Repository.file(".venv/bin/python").path
        return FileManager.default.isExecutableFile(atPath: local) ? [local] : ["/usr/bin/env", "python3"]
    }()

    static let hasCryptography = canImport("cryptography.fernet")
    static let hasVectors = hasCryptography && canImport("cryptography_vectors")

    /// Runs a script (`-c` and its text, or a path) and waits for it.
    static func run(_ arguments: [String]) throws -> Outcome {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: interpreter[0])
        process.arguments = interpreter.dropFirst() + arguments
        let output = Pipe()
        let errors = Pipe()
        process.standardOutput = output
        process.standardError = errors
        process.standardInput = FileHandle.nullDevice
        try process.run()
        let outputData = output.fileHandleForReading.readDataToEndOfFile()
        let errorData = errors.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        return Outcome(
            status: process.terminationStatus, output: String(decoding: outputData, as: UTF8.self),
            errors: String(decoding: errorData, as: UTF8.self))
    }

    /// Runs a script that reads JSON from the file it is given and prints JSON.
    static func exchange<Answer: Decodable>(_ script: String, _ question: some Encodable) throws -> Answer {
        let file = FileManager.default.temporaryDirectory.appendingPathComponent("latchkey-\(UUID().uuidString).json")
        defer { try? FileManager.default.removeItem(at: file) }
        try JSONEncoder().encode(question).write(to: file)
        let outcome = try run(["-c", script, file.path])
        guard outcome.status == 0 else { throw Failure(errors: outcome.errors) }
        return try JSONDecoder().decode(Answer.self, from: Data(outcome.output.utf8))
    }

    struct Failure: Error {
        let errors: String
    }

    private static func canImport(_ module: String) -> Bool {
        (try? run(["-c", "import \(module)"]))?.status == 0
    }
}
