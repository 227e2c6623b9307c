import HTTPTypes
import Hummingbird
import LatchkeyCore
import LatchkeyCrypto
import NIOCore

/// Keys as the API shows them. There is no secret in a `UserAPIKey`, so none can come out here.
enum KeyJSON {
    static func write(
        _ key: UserAPIKey, to writer: inout JSONWriter, at now: Timestamp, warnings: [String] = [],
        source: String? = nil
    ) {
        let verdict = key.verdict(at: now)
        writer.object { writer in
            writer.member("provider", key.provider.text)
            writer.member("name", key.name.text)
            if let source { writer.member("source", source) }
            writer.member("label", key.label)
            writer.member("kind", key.kind)
            writer.member("key_hint", key.keyHint)
            writer.member("has_key", true)
            writer.member("is_valid", verdict.isValid)
            writer.member("verdict", verdict.rawValue)
            writer.name("evidence")
            writer.object { writer in
                writer.member("http_status", key.evidence.httpStatus.map { Int64($0) })
                writer.member("code", key.evidence.code)
                writer.member("checked_at", key.evidence.checkedAt)
                writer.member("decisive", key.evidence.decisive)
            }
            writer.member("last_validated", key.lastValidated)
            writer.member("expires_at", key.expiresAt)
            writer.member("base_url", key.baseURL)
            writer.member("created_at", key.createdAt)
            writer.member("updated_at", key.updatedAt)
            writer.member("last_used_at", key.lastUsedAt)
            writer.member("row_version", Int64(clamping: key.sealed.rowVersion))
            if !warnings.isEmpty { writer.member("warnings", warnings) }
        }
    }
}

extension Response {
    static func json(status: HTTPResponse.Status = .ok, _ body: (inout JSONWriter) throws -> Void) rethrows -> Response
    {
        var writer = JSONWriter()
        try body(&writer)
        return Response(
            status: status, headers: [.contentType: "application/json"], body: ResponseBody(byteBuffer: writer.buffer))
    }
}
