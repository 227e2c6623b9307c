import HTTPTypes
import Hummingbird
import LatchkeyCore
import LatchkeyCrypto
import NIOCore

extension Request {
    /// The most a body may have, in bytes.
    static let maximumBody = 64 * 1024

    /// The body as JSON: content type checked, size bounded, duplicate members refused.
    ///
    /// - Parameter limit: in bytes, for a route that takes more than others.
    func json(upTo limit: Int = maximumBody) async throws -> MemberReader {
        guard hasJSONBody else {
            throw LatchkeyError(
                .unsupportedMediaType, "the content type is not application/json",
                hint: "send the header Content-Type: application/json")
        }
        let bytes = try await boundedBody(limit)
        do {
            return try MemberReader(try bytes.withUnsafeReadableBytes { bytes in try StrictJSON.parse(bytes) })
        } catch let error as JSONParseError {
            throw Self.error(error)
        }
    }

    /// For routes that take no members: nothing, or an empty object.
    func noMembers() async throws {
        let bytes = try await boundedBody()
        guard bytes.readableBytes > 0 else { return }
        guard hasJSONBody else {
            throw LatchkeyError(.unsupportedMediaType, "this route takes no body, or a JSON object")
        }
        do {
            try MemberReader(try bytes.withUnsafeReadableBytes { bytes in try StrictJSON.parse(bytes) }).finish()
        } catch let error as JSONParseError {
            throw Self.error(error)
        }
    }

    /// For routes whose members are all optional: nil for no body at all.
    func jsonOrNothing() async throws -> MemberReader? {
        if headers[.contentLength] == "0" || headers[.contentLength] == nil && headers[.contentType] == nil {
            try await noMembers()
            return nil
        }
        return try await json()
    }

    private func boundedBody(_ limit: Int = maximumBody) async throws -> ByteBuffer {
        let tooLarge = LatchkeyError(.bodyTooLarge, "the body has more than \(limit) bytes")
        if let text = headers[.contentLength], let length = Int(text), length > limit { throw tooLarge }
        do {
            return try await body.collect(upTo: limit)
        } catch is NIOTooManyBytesError {
            throw tooLarge
        }
    }

    /// `application/json`, with or without parameters.
    private var hasJSONBody: Bool {
        guard let type = headers[.contentType] else { return false }
        if type == "application/json" { return true }
        let essence = type.prefix { $0 != ";" }.lowercased()
        return essence.filter { $0 != " " && $0 != "\t" } == "application/json"
    }

    private static func error(_ error: JSONParseError) -> LatchkeyError {
        switch error.reason {
        case .duplicateMember:
            LatchkeyError(.duplicateMember, "a member is there twice, at byte \(error.offset)")
        case .tooDeep: LatchkeyError(.jsonTooDeep, "the JSON is nested too deeply, at byte \(error.offset)")
        case .notUTF8: LatchkeyError(.badJSON, "the body is not UTF-8, at byte \(error.offset)")
        case .empty: LatchkeyError(.badJSON, "the body is empty")
        case .syntax, .trailingBytes: LatchkeyError(.badJSON, "the body is not JSON, at byte \(error.offset)")
        }
    }
}
