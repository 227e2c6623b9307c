import LatchkeyCore

/// The code of the error that `body` throws, or nil when it throws none or another kind.
func code<Result>(_ body: () async throws -> Result) async -> ErrorCode? { await failure(body)?.code }

/// The error that `body` throws, or nil when it throws none or another kind.
func failure<Result>(_ body: () async throws -> Result) async -> LatchkeyError? {
    do {
        _ = try await body()
        return nil
    } catch {
        return error as? LatchkeyError
    }
}
