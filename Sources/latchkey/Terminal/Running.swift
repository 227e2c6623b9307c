import ArgumentParser
import LatchkeyCore
import LatchkeyCrypto

/// Runs a command's work; our errors become two lines on standard error and an exit code.
func reporting(_ body: () async throws -> Void) async throws {
    do {
        try await body()
    } catch let error as LatchkeyError {
        Console.fail(error)
        throw ExitCode(error.code.exitCode)
    } catch let error as CryptoError {
        Console.fail(LatchkeyError(.configuration, error.reason))
        throw ExitCode(2)
    }
}

/// The option every command has.
struct CommonOptions: ParsableArguments {
    @Option(help: ArgumentHelp("A YAML or JSON file with settings; the environment wins.", valueName: "file"))
    var config: String?

    func settings() async throws -> Settings { try await Settings.load(file: config) }
}
