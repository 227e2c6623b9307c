import LatchkeyCore
import LatchkeyImport

/// The error that `body` throws, or nil when it throws none or another kind.
func failure<Result>(_ body: () async throws -> Result) async -> LatchkeyError? {
    do {
        _ = try await body()
        return nil
    } catch {
        return error as? LatchkeyError
    }
}

/// The refusal that `body` throws, or nil when it throws none or another kind.
func refusal<Result>(_ body: () throws -> Result) -> ImportRefusal? {
    do {
        _ = try body()
        return nil
    } catch {
        return error as? ImportRefusal
    }
}
