package import LatchkeyCore
package import NIOCore

/// What the gateway reads from a request before it passes it on.
package struct RequestReading: Sendable {
    /// From the path where that names it (`models/NAME:generateContent`, `deployments/NAME/…`), else from the body.
    ///
    /// nil where there is none that every reader of the body would find: no JSON by the letter of RFC 8259, no text, no
    /// member spelled `model`.
    package var model: String?
    /// What the body names where the path names a model too: a provider may take either.
    package var modelInBody: String?
    /// In the words of OpenTelemetry (`gen_ai.operation.name`); nil for what generates nothing or is not known.
    package var operation: String?
    package var isStreamed = false
    /// What the call may use at most, roughly, before anybody knows.
    package var estimate = TokenCounts()
    /// What is sent in place of the given body; nil: that one, as it is.
    package var body: ByteBuffer?
    /// `stream_options.include_usage` was added, so that the caller is not to see what comes of it.
    package var hidesUsageChunk = false

    /// For a generating call that does not say how much it may answer at most.
    package static let usualOutput: Int64 = 4096
    /// An estimate above this says no more than this.
    private static let mostOutput: Int64 = 1 << 40

    /// - Parameters:
    ///   - path: as it is sent to the provider, without the query.
    ///   - body: all of it; nil where there is none or it is passed on unread.
    /// - Throws: `duplicate_member` where a body names the model, or how it is streamed, twice (also in other letters: some
    ///   parsers take `Model` for `model`). Which one counts is a matter of the parser, and a call is not to be judged by
    ///   one and answered by the other.
    package static func read(
        method: String, path: String, body: ByteBuffer?, shape: UsageShape
    ) throws(LatchkeyError) -> RequestReading {
        guard method == "POST" else { return RequestReading() }
        let target = RequestPath(path)
        var reading = RequestReading(model: target.model, operation: target.operation, isStreamed: target.isStreamed)
        guard let body else { return reading }
        let members = try RequestMembers.read(body)
        reading.model = target.model ?? members?.model
        reading.modelInBody = target.model == nil ? nil : members?.model
        reading.isStreamed = target.isStreamed || members?.isStreamed == true
        if reading.operation != nil || reading.model != nil {
            reading.estimate = estimate(reading.operation, members, bytes: body.readableBytes)
        }
        if let members, members.isStreamed, shape == .openai, target.takesStreamOptions,
            let edit = members.usageEdit
        {
            reading.body = edit.applied(to: body)
            reading.hidesUsageChunk = true
        }
        return reading
    }

    private static func estimate(_ operation: String?, _ members: RequestMembers?, bytes: Int) -> TokenCounts {
        let input = Int64(bytes / 4) + (bytes % 4 > 0 ? 1 : 0)
        guard operation != "embeddings" else { return TokenCounts(input: input, output: 0) }
        let each = members?.mostOutput ?? (operation == nil ? 0 : usualOutput)
        let (all, isTooMuch) = each.multipliedReportingOverflow(by: max(members?.answers ?? 1, 1))
        return TokenCounts(input: input, output: isTooMuch ? mostOutput : min(all, mostOutput))
    }
}
