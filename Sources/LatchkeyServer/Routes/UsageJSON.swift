import HTTPTypes
import Hummingbird
import LatchkeyCore
import NIOCore

/// Usage as the API shows it.
enum UsageJSON {
    static func write(_ sum: UsageSum, by dimensions: [UsageDimension], to writer: inout JSONWriter) {
        writer.object { writer in
            for dimension in dimensions { writer.member(dimension.member, sum.text(of: dimension)) }
            writer.member("requests", sum.requests)
            writer.member("input_tokens", sum.input)
            writer.member("output_tokens", sum.output)
            writer.member("cached_tokens", sum.cachedInput)
            writer.money("cost", sum.cost)
            writer.member("unpriced_requests", sum.unpriced)
        }
    }

    static func write(_ event: UsageEvent, to writer: inout JSONWriter) {
        writer.object { writer in
            writer.member("id", event.id)
            writer.member("time", event.at)
            writer.member("origin", event.origin.rawValue)
            writer.member("provider", event.provider.text)
            writer.member("key", event.keyName.text)
            writer.member("source", event.source)
            writer.member("token_id", event.tokenID)
            writer.member("operation", event.operation)
            writer.member("model", event.model)
            writer.member("input_tokens", event.tokens.input)
            writer.member("output_tokens", event.tokens.output)
            writer.member("cached_tokens", event.tokens.cachedInput)
            writer.money("cost", event.cost)
            writer.member("status", event.status.map { Int64($0) })
            writer.member("duration_ms", event.duration.map { $0 / 1000 })
            writer.member("first_byte_ms", event.firstByte.map { $0 / 1000 })
            writer.member("streamed", event.isStreamed)
            writer.member("estimated", event.isEstimated)
            writer.member("request_id", event.requestID)
        }
    }
}

extension JSONWriter {
    /// Two members: `NAME_micros`, an integer of micro-dollars, for programs; `NAME_usd`, the same as decimal text, for
    /// people. A number with a fraction would be rounded by whoever reads it as a double.
    mutating func money(_ name: String, _ micros: Int64?) {
        member("\(name)_micros", micros)
        member("\(name)_usd", micros.map { DollarText.text(micros: $0) })
    }
}

extension Response {
    static func csv(_ text: String, filename: String) -> Response {
        Response(
            status: .ok,
            headers: [
                .contentType: "text/csv; charset=utf-8",
                .contentDisposition: "attachment; filename=\"\(filename)\"",
            ], body: ResponseBody(byteBuffer: ByteBuffer(string: text)))
    }
}
